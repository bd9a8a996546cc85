/** Tests that need a program of the operating system: skipped with a loud note on a user's machine, a failure in CI. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

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
  return missing.length === 0 || skip(`not installed: ${missing.join(', ')}`);
}

/** True when the tests run as root; otherwise a loud skip, in CI too (CI runs both as root and as a normal user). */
export function needsRoot(what: string): boolean {
  if (process.getuid?.() === 0) return true;
  console.warn(`SKIPPED (must be root): ${what}`);
  return false;
}

function skip(why: string): false {
  if (process.env.CI) throw new Error(`CI must not skip a test: ${why}`);
  console.warn(`SKIPPED: ${why}`);
  return false;
}
