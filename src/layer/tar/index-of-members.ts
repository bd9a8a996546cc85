/**
 * The positions of the members of a tar file, so that they can be read in place. Only headers are read, once. Names are
 * only compared, never used as paths; links between members are followed within the file.
 */
import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { CtxsrcError } from '../../core/errors.ts';
import { shortenedBytes } from '../../fs/byte-string.ts';
import { archiveError, BLOCK } from './header.ts';
import { type TarEntry, TarReader } from './reader.ts';

/** The default limit of members: images of a thousand layers have several thousand. */
const MAX_MEMBERS = 1_000_000;
const MAX_LINKS = 16;
/** Bytes of two members that are compared at a time. */
const COMPARED = 256 << 10;

export interface TarMember {
  /** Offset of its content in the file, in bytes. */
  readonly offset: number;
  readonly size: number;
}

interface Link {
  readonly target: string;
}

type Place = TarMember | Link;

export interface TarIndex {
  /**
   * The member of that name, with links followed; undefined if there is none.
   * @throws `E_ARCHIVE_INVALID` for links in a circle
   */
  find(name: string): TarMember | undefined;
  /** True if a member's clean name passes the test. */
  some(test: (name: string) => boolean): boolean;
}

/**
 * Reads the headers of a tar file of the given size.
 * @param maxFiles limit of members
 * @throws CtxsrcError `E_ARCHIVE_INVALID`, `E_LIMIT`
 */
export async function readTarIndex(
  file: FileHandle,
  size: number,
  signal: AbortSignal,
  maxFiles: number = MAX_MEMBERS,
): Promise<TarIndex> {
  const most = Math.min(maxFiles, MAX_MEMBERS);
  const members = new Map<string, Place>();
  const repeated: [name: string, again: Place][] = [];
  const block = Buffer.alloc(BLOCK);
  let position = 0;
  const reader = new TarReader({
    entry(entry) {
      const name = cleanName(entry.name);
      const place = placeOf(entry, name, position);
      if (place === undefined) return;
      if ('offset' in place && place.offset + place.size > size) throw archiveError(`it ends within ${quoted(name)}`);
      if (members.has(name)) repeated.push([name, place]);
      else members.set(name, place);
      if (members.size + repeated.length > most) {
        throw new CtxsrcError('E_LIMIT', `the archive has more than ${most} members`, {
          hint: most < MAX_MEMBERS ? 'allow more with --max-files' : 'no image has so many: check where it is from',
        });
      }
    },
    data: () => undefined,
    fileEnd: () => undefined,
  });
  while (position < size && !reader.ended) {
    signal.throwIfAborted();
    const bytes = block.subarray(0, Math.min(BLOCK, size - position));
    await readExactly(file, bytes, position);
    position += bytes.length;
    reader.push(bytes);
    position += reader.skipContent();
  }
  reader.finish();
  if (members.size === 0) throw archiveError('it has no members');
  for (const [name, again] of repeated) {
    // Readers differ in which of two members with one name counts, so they have to be equal.
    if (!(await isSame(file, members.get(name)!, again, signal))) {
      throw archiveError(`it has ${quoted(name)} twice, with different content`);
    }
  }
  return {
    find(name) {
      let current = cleanName(name);
      for (let links = 0; links <= MAX_LINKS; links += 1) {
        const found = members.get(current);
        if (found === undefined || 'offset' in found) return found;
        current = found.target;
      }
      throw archiveError(`the links of ${quoted(name)} have no end`);
    },
    some: (test) => [...members.keys()].some(test),
  };
}

/**
 * Undefined for an entry without content that is not a link.
 * @param offset where the content of a file begins
 */
function placeOf(entry: TarEntry, name: string, offset: number): Place | undefined {
  switch (entry.type) {
    case 'file':
      if (entry.sparse !== undefined) throw archiveError('it holds a sparse file');
      return { offset, size: entry.size };
    case 'hardlink':
      return { target: cleanName(entry.linkName) };
    case 'symlink':
      return { target: cleanName(posix.join(posix.dirname(name), entry.linkName)) };
    default:
      return undefined;
  }
}

async function isSame(file: FileHandle, a: Place, b: Place, signal: AbortSignal): Promise<boolean> {
  if ('target' in a || 'target' in b) return 'target' in a && 'target' in b && a.target === b.target;
  if (a.size !== b.size) return false;
  const left = Buffer.alloc(Math.min(COMPARED, a.size));
  const right = Buffer.alloc(left.length);
  for (let done = 0; done < a.size; ) {
    signal.throwIfAborted();
    const n = Math.min(left.length, a.size - done);
    await readExactly(file, left.subarray(0, n), a.offset + done);
    await readExactly(file, right.subarray(0, n), b.offset + done);
    if (left.compare(right, 0, n, 0, n) !== 0) return false;
    done += n;
  }
  return true;
}

function quoted(name: string): string {
  return JSON.stringify(shortenedBytes(name));
}

function cleanName(name: string): string {
  return posix.join('/', name).replace(/\/+$/, '').slice(1);
}

async function readExactly(file: FileHandle, buffer: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) throw archiveError('it was cut off while it was read');
    done += bytesRead;
  }
}
