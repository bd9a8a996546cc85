/** The scope of a token for pushing (distribution's "Token Scope"): by the name, for challenges may say anything. */
export function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}
