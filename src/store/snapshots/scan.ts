/** Lists a directory that a source made, as entries without digests, in the order of `WriteReport.entries`. */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { WrittenEntry } from '../../contract/ref.ts';
import { LinkMap } from '../../fs/entry/link-map.ts';
import { loadNative } from '../../fs/native/native.ts';
import { splitDevice } from '../../fs/native/stat.ts';

const SLASH = Buffer.from('/');

/** @throws errors of the system unchanged */
export function* scanTree(root: string): Generator<WrittenEntry> {
  yield* scanBelow(Buffer.from(root), undefined, new LinkMap());
}

function* scanBelow(root: Buffer, below: Buffer | undefined, links: LinkMap<Buffer>): Generator<WrittenEntry> {
  const directory = below === undefined ? root : Buffer.concat([root, SLASH, below]);
  const names = readdirSync(directory, { encoding: 'buffer' }).sort(Buffer.compare);
  for (const name of names) {
    const path = below === undefined ? name : Buffer.concat([below, SLASH, name]);
    const full = Buffer.concat([root, SLASH, path]);
    const stat = lstatSync(full, { bigint: true });
    const first = stat.isDirectory() ? undefined : links.firstOf(stat, path);
    yield entryOf(full, path, stat, first);
    if (stat.isDirectory()) yield* scanBelow(root, path, links);
  }
}

function entryOf(full: Buffer, path: Buffer, stat: BigIntStats, first: Buffer | undefined): WrittenEntry {
  const type = first === undefined ? typeOf(stat) : 'hardlink';
  const common = {
    ...spelled(path, 'path', 'pathBytes'),
    type,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === 'file' || type === 'hardlink' ? Number(stat.size) : 0,
    mtime: String(stat.mtimeNs),
  };
  if (first !== undefined) return { ...common, ...spelled(first, 'target', 'targetBytes') } as WrittenEntry;
  const xattrs = xattrsOf(full);
  const seen = { ...common, ...(xattrs === undefined ? {} : { xattrs }) };
  if (type === 'symlink') {
    return { ...seen, ...spelled(readlinkSync(full, { encoding: 'buffer' }), 'target', 'targetBytes') } as WrittenEntry;
  }
  if (type === 'char' || type === 'block') {
    const { major, minor } = splitDevice(stat.rdev);
    return { ...seen, target: `${major}:${minor}` } as WrittenEntry;
  }
  return seen as WrittenEntry;
}

function typeOf(stat: BigIntStats): WrittenEntry['type'] {
  if (stat.isDirectory()) return 'dir';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isFile()) return 'file';
  throw new Error('a socket cannot be stored');
}

/** Bytes in the contract's form: text, or latin-1 with a mark if they are not UTF-8. */
function spelled(bytes: Buffer, name: string, mark: string): Record<string, unknown> {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? { [name]: text } : { [name]: bytes.toString('latin1'), [mark]: true };
}

function xattrsOf(path: Buffer): Record<string, string> | undefined {
  const native = loadNative();
  const names = native?.listXattrs(path) ?? [];
  if (native === undefined || names.length === 0) return undefined;
  const values = names.map((name) => [name, native.getXattr(path, name)?.toString('base64')] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Record<string, string>;
}
