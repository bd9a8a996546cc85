/**
 * A reference or an address as it was typed, without the user and password in it: `https://bob:pw@host/x` is
 * `https://***@host/x`, `bob:pw@host/x` is `***@host/x`. A digest after `@` is none, nor is a user without a password.
 */
export function withoutUser(text: string): string {
  const [, head = '', digest = ''] =
    /^(.*?)(@[a-z][a-z0-9+._-]*:[0-9a-f]{32,}|@sha\d+(?::[^@]*)?)?$/is.exec(text) ?? [];
  const at = head.lastIndexOf('@');
  if (at < 0) return text;
  const scheme = head.lastIndexOf('://', at);
  const start = scheme < 0 ? head.indexOf('=') + 1 : scheme + 3;
  return head.slice(start, at).includes(':') ? `${head.slice(0, start)}***${head.slice(at)}${digest}` : text;
}
