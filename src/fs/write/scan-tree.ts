/** Lists a directory that a source made, as entries without digests, in the order of `WriteReport.entries`. */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { Entry, Xattrs } from '../../contract/entry.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { type ByteString, bytesOfText, compareBytes, fsPath, printableBytes } from '../byte-string.ts';
import { LinkMap } from '../entry/link-map.ts';
import { typeOf } from '../entry/tree-entry.ts';
import { loadNative, type Native } from '../native/native.ts';
import { deviceOf } from '../native/stat.ts';
import { metadataOf } from './metadata.ts';

/**
 * Each entry is looked at when it is asked for.
 * @param xattrs whether extended attributes are listed
 * @throws E_UNSAFE for a socket; errors of the system unchanged
 */
export function* scanTree(root: string, xattrs: boolean): Generator<Entry> {
  const native = xattrs ? loadNative() : undefined;
  yield* scanBelow(bytesOfText(root), '', new LinkMap(), native);
}

function* scanBelow(
  root: ByteString,
  prefix: ByteString,
  links: LinkMap<ByteString>,
  native: Native | undefined,
): Generator<Entry> {
  const names = readdirSync(fsPath(`${root}/${prefix}`), { encoding: 'latin1' }).sort(compareBytes);
  for (const name of names) {
    const path = prefix + name;
    const full = fsPath(`${root}/${path}`);
    const stat = lstatSync(full, { bigint: true });
    const first = stat.isDirectory() ? undefined : links.firstOf(stat, path);
    yield entryOf(full, path, stat, first, native);
    if (stat.isDirectory()) yield* scanBelow(root, `${path}/`, links, native);
  }
}

function entryOf(
  full: string | Buffer,
  path: ByteString,
  stat: BigIntStats,
  first: ByteString | undefined,
  native: Native | undefined,
): Entry {
  const found = typeOf(Number(stat.mode));
  if (found === 'socket') throw new CtxsrcError('E_UNSAFE', `${printableBytes(path)} is a socket`);
  const type: Entry['type'] = first === undefined ? found : 'hardlink';
  const size = type === 'file' || type === 'hardlink' ? Number(stat.size) : 0;
  const entry: Entry = { ...metadataOf(stat), path, type, size };
  if (first !== undefined) return { ...entry, target: first };
  const xattrs = native && xattrsOf(full, native);
  if (type === 'symlink') return { ...entry, xattrs, target: readlinkSync(full, { encoding: 'latin1' }) };
  if (type !== 'char' && type !== 'block') return { ...entry, xattrs };
  return { ...entry, xattrs, target: deviceOf(stat.rdev) };
}

function xattrsOf(path: string | Buffer, native: Native): Xattrs | undefined {
  const names = native.listXattrs(path);
  const values = names.map((name) => [name, native.getXattr(path, name)?.toString('latin1')] as const);
  const found = values.filter((pair): pair is [string, string] => pair[1] !== undefined);
  return found.length === 0 ? undefined : new Map(found);
}
