/** An entry of `ls`, for people and for programs. */
import { octal } from '../core/format.ts';
import { type ByteString, isUtf8, textOfBytes } from '../fs/byte-string.ts';
import type { ListedEntry } from '../image/entries/listing.ts';

/** A line of `ls`; names are kept apart, because they are quoted. */
interface Line {
  readonly before: string;
  readonly name: ByteString;
  readonly after?: string;
  readonly link?: ByteString;
}

const LETTERS = { file: '-', dir: 'd', symlink: 'l', hardlink: 'h', char: 'c', block: 'b', fifo: 'p' } as const;

export function shortLine({ path }: ListedEntry): Line {
  return { before: '', name: path };
}

/** Type and mode, owner, size (of a device its numbers), time in UTC, path, and what a link leads to. */
export function longLines(entries: readonly ListedEntry[]): Line[] {
  const owners = entries.map(({ uid, gid }) => `${uid}:${gid}`);
  const sizes = entries.map(({ type, target, size }) =>
    type === 'char' || type === 'block' ? `${target}` : `${size}`,
  );
  const [ownerWidth, sizeWidth] = [widest(owners), widest(sizes)];
  return entries.map((entry, i) => {
    const { type, path, target } = entry;
    const columns = [modeText(entry), owners[i]!.padEnd(ownerWidth), sizes[i]!.padStart(sizeWidth), timeText(entry)];
    const before = `${columns.join('  ')}  `;
    if (target === undefined || (type !== 'symlink' && type !== 'hardlink')) return { before, name: path };
    return { before, name: path, after: type === 'symlink' ? ' -> ' : ' link to ', link: target };
  });
}

function widest(texts: readonly string[]): number {
  return texts.reduce((width, { length }) => Math.max(width, length), 0);
}

function modeText({ type, mode }: ListedEntry): string {
  const special = [
    [0o4000, 's', 'S'],
    [0o2000, 's', 'S'],
    [0o1000, 't', 'T'],
  ] as const;
  const groups = special.map(([bit, both, alone], i) => {
    const bits = (mode >> (6 - 3 * i)) & 7;
    const may = (bits & 1) !== 0;
    const last = (mode & bit) === 0 ? (may ? 'x' : '-') : may ? both : alone;
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`;
  });
  return LETTERS[type] + groups.join('');
}

/** A time that no date can hold is shown in seconds. */
function timeText({ mtime }: ListedEntry): string {
  const date = new Date(mtime * 1000);
  return Number.isNaN(date.getTime()) ? String(mtime) : date.toISOString().slice(0, 16).replace('T', ' ');
}

/** The members of an entry in `ls --json`. Bytes that are no UTF-8 are latin-1, with `pathBytes` or `linkBytes`. */
export function entryDocument({ path, type, size, mode, uid, gid, mtime, mtimeNs, ...rest }: ListedEntry): object {
  const { target, digest, layer } = rest;
  return {
    ...bytesMember('path', path),
    type,
    size,
    mode: octal(mode),
    uid,
    gid,
    mtime: mtime + mtimeNs / 1e9,
    ...(target === undefined ? {} : bytesMember(type === 'char' || type === 'block' ? 'device' : 'link', target)),
    digest,
    layer,
  };
}

/** Bytes as a member of a document: latin-1, and said to be, if they are no UTF-8. */
export function bytesMember(name: string, bytes: ByteString): object {
  return isUtf8(bytes) ? { [name]: textOfBytes(bytes) } : { [name]: bytes, [`${name}Bytes`]: true };
}
