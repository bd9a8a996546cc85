/**
 * A reference or address as it was typed, without the user and password in it: `https://bob:pw@host/x` becomes
 * `https://***@host/x`, and `bob:pw@host/x` becomes `***@host/x`. An `@` before a digest does not count, and a user
 * without a password stays.
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

/** What a name says whose value is a secret. */
export const SECRET_NAME = /token|secret|passw|signature|credential|api[-_]?key|access[-_]?key/i;
/** Secret parameters of storage services (`sig` of Azure, `hdnts` of Akamai), and common short names of secrets. */
export const SECRET_WORD = /^(?:sig|sign|hmac|jwt|auth|authorization|pwd|key|hdnea|hdnts)$/i;

/**
 * A reference as it is shown and stored: without user and password, and with `***` for those parameters of a signed
 * address that grant access.
 */
export function shownReference(text: string): string {
  const plain = withoutUser(text).replace(/^((?:[^:/?#]*=)?(?:[a-z.-]+\+)?https?:\/\/)[^/?#@]*@/i, '$1***@');
  if (!/^(?:[^:/?#]*=)?(?:[a-z.-]+\+)?https?:\/\//i.test(plain)) return plain;
  return plain.replace(/([?&;#])([^=?&;#]*)=([^&;#]+)/g, (parameter, before: string, name: string) =>
    SECRET_NAME.test(name) || SECRET_WORD.test(name) ? `${before}${name}=***` : parameter,
  );
}
