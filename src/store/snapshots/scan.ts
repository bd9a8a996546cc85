/** Lists a directory that a source made, as entries without digests, in the order of `WriteReport.entries`. */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { Entry, Xattrs } from '../../contract/entry.ts';
import { type ByteString, bytesOfText, compareBytes, fsPath } from '../../fs/byte-string.ts';
import { LinkMap } from '../../fs/entry/link-map.ts';
import { typeOf } from '../../fs/entry/tree-entry.ts';
import { loadNative } from '../../fs/native/native.ts';
import { deviceOf } from '../../fs/native/stat.ts';
import { metadataOf } from '../../fs/write/metadata.ts';

/** @throws errors of the system unchanged */
export function* scanTree(root: string): Generator<Entry> {
  yield* scanBelow(bytesOfText(root), '', new LinkMap());
}

function* scanBelow(root: ByteString, prefix: ByteString, links: LinkMap<ByteString>): Generator<Entry> {
  const names = readdirSync(fsPath(`${root}/${prefix}`), { encoding: 'latin1' }).sort(compareBytes);
  for (const name of names) {
    const path = prefix + name;
    const full = fsPath(`${root}/${path}`);
    const stat = lstatSync(full, { bigint: true });
    const first = stat.isDirectory() ? undefined : links.firstOf(stat, path);
    yield entryOf(full, path, stat, first);
    if (stat.isDirectory()) yield* scanBelow(root, `${path}/`, links);
  }
}

function entryOf(full: string | Buffer, path: ByteString, stat: BigIntStats, first: ByteString | undefined): Entry {
  const found = typeOf(Number(stat.mode));
  if (found === 'socket') throw new Error('a socket cannot be stored');
  const type: Entry['type'] = first === undefined ? found : 'hardlink';
  const size = type === 'file' || type === 'hardlink' ? Number(stat.size) : 0;
  const entry: Entry = { ...metadataOf(stat), path, type, size };
  if (first !== undefined) return { ...entry, target: first };
  const xattrs = xattrsOf(full);
  if (type === 'symlink') return { ...entry, xattrs, target: readlinkSync(full, { encoding: 'latin1' }) };
  if (type !== 'char' && type !== 'block') return { ...entry, xattrs };
  return { ...entry, xattrs, target: deviceOf(stat.rdev) };
}

function xattrsOf(path: string | Buffer): Xattrs | undefined {
  const native = loadNative();
  const names = native?.listXattrs(path) ?? [];
  const values = names.map((name) => [name, native!.getXattr(path, name)?.toString('latin1')] as const);
  const found = values.filter((pair): pair is [string, string] => pair[1] !== undefined);
  return found.length === 0 ? undefined : new Map(found);
}
