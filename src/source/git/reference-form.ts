/** Which texts are git references, by their form alone. Used for every reference, so it loads no other code of git. */

export const TRANSPORTS: readonly string[] = ['http', 'https', 'ssh', 'git', 'file'];
export const PROTOCOL = /^([a-zA-Z0-9]+):\/\//;
/** scp-like: user, host, path, query, fragment. */
export const SCP = /^([a-zA-Z0-9-_]+)@([a-zA-Z0-9-.]+):([^\n]*?)(?:\?([^\n]*?))?(?:#([^\n]*))?$/;

/**
 * True if the text is a git reference by its form: git's own transports always, http and https if the path ends in
 * `.git`. `github.com/…` without a scheme is not one.
 */
export function isGitReference(text: string): boolean {
  const transport = PROTOCOL.exec(text)?.[1]?.toLowerCase();
  if (transport === undefined) return SCP.test(text);
  if (transport === 'ssh' || transport === 'git' || transport === 'file') return true;
  return /^https?$/.test(transport) && /^[^?#]*\/[^?#]*\.git(?:[?#]|$)/.test(text.slice(transport.length + 3));
}

/** True if git would use a transport known here for the text. */
export function isGitTransport(text: string): boolean {
  const transport = PROTOCOL.exec(text)?.[1]?.toLowerCase();
  return transport === undefined ? SCP.test(text) : TRANSPORTS.includes(transport);
}
