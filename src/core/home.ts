import { homedir } from 'node:os';

/**
 * The home directory: `$HOME`, else what the password file says; undefined for a user that has neither, as in a container
 * that runs under any user ID. Nothing needs a home: whoever asks goes on without what could lie there.
 */
export function homeOf(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (env.HOME) return env.HOME;
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}
