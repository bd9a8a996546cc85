/** Which texts are git references, by their form alone: asked of every reference, so it loads nothing else of git. */

export const TRANSPORTS: readonly string[] = ['http', 'https', 'ssh', 'git', 'file'];
export const PROTOCOL = /^([a-zA-Z0-9]+):\/\//;
/** scp-like: user, host, path, query, fragment. */
export const SCP = /^([a-zA-Z0-9-_]+)@([a-zA-Z0-9-.]+):([^\n]*?)(?:\?([^\n]*?))?(?:#([^\n]*))?$/;

/**
 * True when the text is to be read as a git reference: git's own transports always, http and https when the path ends in
 * `.git`. The scheme-less `github.com/…` is not one.
 */
export function isGitReference(text: string): boolean {
  const transport = PROTOCOL.exec(text)?.[1]?.toLowerCase();
  if (transport === undefined) return SCP.test(text);
  if (transport === 'ssh' || transport === 'git' || transport === 'file') return true;
  return /^https?$/.test(transport) && /^[^?#]*\/[^?#]*\.git(?:[?#]|$)/.test(text.slice(transport.length + 3));
}

/** True when git would find the text on a transport known here, whatever it names. */
export function isGitTransport(text: string): boolean {
  const transport = PROTOCOL.exec(text)?.[1]?.toLowerCase();
  return transport === undefined ? SCP.test(text) : TRANSPORTS.includes(transport);
}
