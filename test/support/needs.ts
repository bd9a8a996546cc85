/** Tests that need a program of the operating system: skipped with a loud note on a user's machine, a failure in CI. */
import { accessSync, appendFileSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** Names the file in which a run of the tests collects what was skipped and why; `global-setup.ts` makes and reads it. */
export const SKIPS_FILE = 'CTXSRC_TEST_SKIPS';

/** Full path of a program, looked for in PATH and in the places where system programs lie. */
export function which(tool: string): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const dir of dirs) {
    if (dir === '') continue;
    const path = join(dir, tool);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return undefined;
}

/**
 * True when all programs are there. Use as `describe.skipIf(!needs('skopeo'))`.
 * @throws Error in CI when one is missing: there a skipped test would look like a passed one.
 */
export function needs(...tools: string[]): boolean {
  const missing = tools.filter((tool) => which(tool) === undefined);
  for (const tool of missing) skip(`${tool} is not installed`);
  return missing.length === 0;
}

/** True when the tests run as root; otherwise a loud skip, in CI too (CI runs both as root and as a normal user). */
export function needsRoot(what: string): boolean {
  return process.getuid?.() === 0 || noteSkip(`must be root: ${what}`);
}

/** True when the program can be read by another user that a test run by root becomes; below /root it cannot. */
export function needsOpenCheckout(what: string): boolean {
  for (let dir = import.meta.dirname; ; dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o001) === 0) return noteSkip(`other users may not enter ${dir}: ${what}`);
    if (dir === dirname(dir)) return true;
  }
}

/**
 * Skips what this machine cannot do, for instance mount.
 * @throws Error in CI
 */
export function skip(why: string): false {
  if (process.env.CI) throw new Error(`CI must not skip a test: ${why}`);
  return noteSkip(why);
}

/** Writes the reason down for the summary at the end of the run, where each stands once. */
export function noteSkip(why: string): false {
  const file = process.env[SKIPS_FILE];
  if (file === undefined) console.warn(`SKIPPED: ${why}`);
  else appendFileSync(file, `${why}\n`);
  return false;
}
