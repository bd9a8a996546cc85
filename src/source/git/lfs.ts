/** Files that Git LFS keeps elsewhere: the repository holds a pointer of a few lines in their place. */
import { closeSync, openSync, readSync } from 'node:fs';
import { ioError } from '../../core/errors.ts';

/** First line of every pointer, as git-lfs specifies it. */
const FIRST_LINE = Buffer.from('version https://git-lfs.github.com/spec/v1\n');

/** Bytes of a pointer: version, an object ID of 64 digits, a size. Extensions may add some lines. */
const SHORTEST = 120;
const LONGEST = 1024;

/**
 * True when the file that was written, no link, is a pointer.
 * @param size bytes of it in the repository: most files need not be looked at
 */
export function isLfsPointer(path: Buffer, size: number): boolean {
  if (size < SHORTEST || size > LONGEST) return false;
  try {
    const file = openSync(path, 'r');
    try {
      const head = Buffer.alloc(FIRST_LINE.length);
      return readSync(file, head, 0, head.length, 0) === head.length && head.equals(FIRST_LINE);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw ioError(error, `cannot read ${path.toString()}`);
  }
}
