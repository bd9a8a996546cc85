/** The entries of a source's files in the order of a walk: of a directory in its place, or of a tree that was written. */
import { chmodSync } from 'node:fs';
import type { Entry } from '../../../contract/entry.ts';
import type { WriteReport } from '../../../contract/ref.ts';
import type { FilesInPlace } from '../../../contract/source.ts';
import { ioError } from '../../../core/errors.ts';
import { type ByteString, bytesOfText, fsPath, printableBytes } from '../../../fs/byte-string.ts';
import { isHashedXattr } from '../../../fs/entry/header.ts';
import { LinkMap } from '../../../fs/entry/link-map.ts';
import { keptMode } from '../../../fs/entry/modes.ts';
import { DiskReader, type TreeEntry } from '../../../fs/entry/tree-entry.ts';
import { readXattrs } from '../../../fs/entry/xattrs.ts';
import { loadNative } from '../../../fs/native/native.ts';
import { walkInSteps } from '../../../fs/walk/walk.ts';
import { changed, type PackedEntry } from './layer.ts';

/** What of the files is otherwise in the layer. */
export interface Altered {
  /** Further names of one file, which are files of their own. */
  links: number;
  /** Sockets, which are empty files. */
  sockets: number;
}

/**
 * The entries of a directory on this machine. Gives undefined where the caller may pause.
 * @throws CtxsrcError of the walk; `E_IO` for an entry that vanishes, `E_PERMISSION`
 */
export function* filesInPlace(files: FilesInPlace, altered: Altered): Generator<PackedEntry | undefined> {
  const disk = new DiskReader(files.root);
  const native = loadNative();
  const links = new LinkMap<true>();
  for (const entry of walkInSteps(disk, files)) {
    yield undefined;
    if (entry === undefined) continue;
    const { path, type, size } = entry;
    const mode = keptMode(entry, files.modes);
    const full = disk.full(path);
    const { xattrs, target } = read(entry, () => ({
      xattrs: native === undefined ? undefined : readXattrs(native, full).xattrs,
      target: disk.targetOf(entry),
    }));
    if (type === 'socket') altered.sockets += 1;
    if (type !== 'dir' && links.firstOf(entry, true)) altered.links += 1;
    if (type === 'file') yield { path, type, mode, size, xattrs, file: full, seen: entry };
    // It is hashed as an empty file.
    else if (type === 'socket') yield { path, type: 'file', mode, size: 0, xattrs };
    else yield { path, type, mode, size: 0, target, xattrs };
  }
}

function read<T>({ path }: TreeEntry, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EINVAL') throw ioError(error, `cannot read ${printableBytes(path)}`);
    throw changed(path);
  }
}

/** The entries of a tree that was written into a directory of the caller's own. */
export function* writtenFiles(dir: string, report: WriteReport, altered: Altered): Generator<PackedEntry> {
  const linked = new Set<ByteString>();
  for (const { type, target } of report.entries) if (type === 'hardlink') linked.add(target ?? '');
  const first = new Map<ByteString, PackedEntry>();
  for (const entry of report.entries) {
    if (entry.type === 'hardlink') {
      altered.links += 1;
      yield { ...first.get(entry.target ?? '')!, path: entry.path };
      continue;
    }
    const packed = packedEntry(dir, entry, entry.type);
    if (linked.has(entry.path)) first.set(entry.path, packed);
    yield packed;
  }
}

function packedEntry(dir: string, entry: Entry, type: Exclude<Entry['type'], 'hardlink'>): PackedEntry {
  const { path, mode, target } = entry;
  const full = fsPath(`${bytesOfText(dir)}/${path}`);
  const xattrs = new Map([...(entry.xattrs ?? [])].filter(([name]) => isHashedXattr(name)));
  // The owner may change the mode of an unreadable file, and the copy belongs to this user.
  if (process.geteuid?.() !== 0 && type === 'dir') chmodSync(full, 0o700);
  if (type !== 'file') return { path, type, mode, size: 0, target, xattrs };
  if (process.geteuid?.() !== 0 && (mode & 0o400) === 0) chmodSync(full, 0o600);
  return { path, type, mode, size: entry.size, xattrs, file: full };
}
