/** An entry of `ls`, for people and for programs. */
import { octal } from '../core/format.ts';
import { type ByteString, isUtf8, textOfBytes } from '../fs/byte-string.ts';
import type { ListedEntry } from '../image/entries/listing.ts';

/** A line of `ls`; names are kept apart, because they are quoted. */
export interface Line {
  readonly before: string;
  readonly name: ByteString;
  readonly after?: string;
  readonly link?: ByteString;
}

const LETTERS = { file: '-', dir: 'd', symlink: 'l', hardlink: 'h', char: 'c', block: 'b', fifo: 'p' } as const;

export function* shortLines(entries: Iterable<ListedEntry>): Generator<Line> {
  for (const { path } of entries) yield { before: '', name: path };
}

/** Type and mode, owner, size (of a device its numbers), time in UTC, path, and what a link leads to. */
export function* longLines(entries: Iterable<ListedEntry>): Generator<Line> {
  let [ownerWidth, sizeWidth] = [0, 0];
  for (const entry of entries) {
    ownerWidth = Math.max(ownerWidth, ownerText(entry).length);
    sizeWidth = Math.max(sizeWidth, sizeText(entry).length);
  }
  for (const entry of entries) {
    const { type, path, target } = entry;
    const [owner, size] = [ownerText(entry).padEnd(ownerWidth), sizeText(entry).padStart(sizeWidth)];
    const before = `${modeText(entry)}  ${owner}  ${size}  ${timeText(entry)}  `;
    if (target === undefined || (type !== 'symlink' && type !== 'hardlink')) yield { before, name: path };
    else yield { before, name: path, after: type === 'symlink' ? ' -> ' : ' link to ', link: target };
  }
}

const ownerText = ({ uid, gid }: ListedEntry): string => `${uid}:${gid}`;

const sizeText = ({ type, target, size }: ListedEntry): string =>
  type === 'char' || type === 'block' ? `${target}` : `${size}`;

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

/** A document that is made member by member: a spread costs each object a shape of its own, and there may be many. */
type Members = Record<string, unknown>;

/** Adds the members of an entry in `ls --json`. Bytes that are no UTF-8 are latin-1, with `pathBytes` or `linkBytes`. */
export function addEntry(members: Members, entry: ListedEntry, path = entry.path): Members {
  const { type, size, mode, uid, gid, mtime, mtimeNs, target, digest, layer } = entry;
  addBytes(members, 'path', path);
  members.type = type;
  members.size = size;
  members.mode = octal(mode);
  members.uid = uid;
  members.gid = gid;
  members.mtime = mtime + mtimeNs / 1e9;
  if (target !== undefined) addBytes(members, type === 'char' || type === 'block' ? 'device' : 'link', target);
  members.digest = digest;
  members.layer = layer;
  return members;
}

/** Adds bytes: latin-1, and said to be, if they are no UTF-8. */
export function addBytes(members: Members, name: string, bytes: ByteString): Members {
  const isText = isUtf8(bytes);
  members[name] = isText ? textOfBytes(bytes) : bytes;
  if (!isText) members[`${name}Bytes`] = true;
  return members;
}
