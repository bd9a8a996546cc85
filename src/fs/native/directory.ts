/** The names in a directory, in the kernel's format. */
import type { ByteString, Latin1Buffer } from '../byte-string.ts';

/** Names in any order, and those that may not be regular files, with true for a directory. */
export interface DirectoryNames {
  readonly names: ByteString[];
  readonly others: ReadonlyMap<ByteString, boolean>;
}

const LENGTH = 16;
const TYPE = 18;
const NAME = 19;
const DIRECTORY = 4;
const REGULAR = 8;
const DOT = 0x2e;

/**
 * Reads a sequence of `struct linux_dirent64`.
 * @param fill fills the buffer with the next entries and returns their size in bytes, 0 at the end
 */
export function readEntries(buffer: Latin1Buffer, fill: () => number): DirectoryNames {
  const names: ByteString[] = [];
  const others = new Map<ByteString, boolean>();
  for (let length = fill(); length > 0; length = fill()) {
    for (let at = 0; at < length; at += buffer[at + LENGTH]! + buffer[at + LENGTH + 1]! * 256) {
      const start = at + NAME;
      let end = start;
      while (buffer[end] !== 0) end += 1;
      if (buffer[start] === DOT && (end === start + 1 || (end === start + 2 && buffer[start + 1] === DOT))) continue;
      const name = buffer.latin1Slice(start, end);
      names.push(name);
      const type = buffer[at + TYPE];
      if (type !== REGULAR) others.set(name, type === DIRECTORY);
    }
  }
  return { names, others };
}
