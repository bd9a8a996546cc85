/** Which arguments name a file of `key --build --save`: `diff` then compares builds. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { looksSaved } from '../build/diff/saved-form.ts';

/** Enough for all that comes before the document. */
const HEAD = 4096;

/**
 * The arguments of `diff`, with `--build` where one of them names such a file. Flags are not told from their values: a
 * wrong guess needs such a file, too.
 */
export function withBuildForm(argv: readonly string[]): readonly string[] {
  const [command, ...rest] = argv;
  const isBuild = rest.some((arg) => !arg.startsWith('-') && !arg.includes('://') && looksSaved(headOf(arg)));
  return isBuild ? [command!, '--build', ...rest] : argv;
}

/** Whether a path names a file that holds a JSON document: no source is one. */
export function isJsonFile(path: string): boolean {
  return !path.includes('://') && /^\s*\{/.test(headOf(path));
}

/** The beginning of a regular file; empty for anything else. */
function headOf(path: string): string {
  try {
    if (!statSync(path).isFile()) return '';
    const fd = openSync(path, 'r');
    try {
      const buffer = Buffer.alloc(HEAD);
      return buffer.toString('utf8', 0, readSync(fd, buffer));
    } finally {
      closeSync(fd);
    }
  } catch {
    // The command reports what cannot be read.
    return '';
  }
}
