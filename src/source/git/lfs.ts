/** Files whose content Git LFS stores elsewhere: the repository contains a pointer of a few lines instead. */
import { readFileSync } from 'node:fs';
import { ioError } from '../../core/errors.ts';

/** First line of every pointer, by the specification of git-lfs. */
const FIRST_LINE = Buffer.from('version https://git-lfs.github.com/spec/v1\n');

/** Size of a pointer in bytes: version, an object ID of 64 digits, a size. Extensions may add lines. */
const SHORTEST = 120;
const LONGEST = 1024;

/**
 * True if the written file is a pointer and not a link.
 * @param size its size in the repository: most files need not be read
 */
export function isLfsPointer(path: Buffer, size: number): boolean {
  if (size < SHORTEST || size > LONGEST) return false;
  try {
    return readFileSync(path).subarray(0, FIRST_LINE.length).equals(FIRST_LINE);
  } catch (error) {
    throw ioError(error, `cannot read ${path.toString()}`);
  }
}
