import { homedir } from 'node:os';

/** The variables of an environment, by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The home directory: `$HOME`, else the one in the password file. Undefined for a user that has neither, for instance
 * in a container that runs under an arbitrary user ID: callers go on without the files that could be there.
 */
export function homeOf(env: Variables): string | undefined {
  if (env.HOME) return env.HOME;
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}
