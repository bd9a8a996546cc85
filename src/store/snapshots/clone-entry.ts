/**
 * Work on lines of a list of entries: clone files from one directory into another, or check them in place. Synchronous,
 * because a promise per file costs more than the file; runs in the main thread and in workers.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  symlinkSync,
  writeSync,
} from 'node:fs';
import type { Entry, Time } from '../../contract/entry.ts';
import { type ByteString, fsPath, printableBytes } from '../../fs/byte-string.ts';
import { entryOfRow, rowOf } from '../../fs/entry/json-rows.ts';
import { fileIdentity } from '../../fs/entry/link-map.ts';
import { digestFile } from '../../fs/file-digest.ts';
import { cloneSpecialFile, finishClone, setCloneTime } from './clone-metadata.ts';
import type { CloneSpec } from './clone-spec.ts';
import { clampedTime } from './entry-list.ts';

/** Lines of a list of entries, without directories and hard links. */
export interface CloneWork {
  readonly lines: readonly string[];
  /** False: these files are hashed, however they look. */
  readonly trusted: boolean;
}

export interface ChunkResult {
  /** The lines as they should be recorded, if they differ from the given ones. */
  readonly lines?: string | undefined;
  /** The first path that differs from its record, and the difference. */
  readonly damage?: { readonly path: string; readonly problem: string } | undefined;
}

type Path = string | Buffer;

/**
 * Nanoseconds. Times that Node sets lose everything below a microsecond, and those that it reads are rounded to a
 * quarter of one.
 */
const TIME_SLACK = 2000;
/** Files up to this size in bytes are copied through memory. */
const SMALL_FILE = 64 << 10;
let copyBuffer: Buffer | undefined;

/** Does the task for all entries except directories and hard links, which need other entries first. */
export function workOnLines(given: CloneSpec, { lines, trusted }: CloneWork): ChunkResult {
  const spec = trusted ? given : { ...given, trust: false };
  let recorded: string[] | undefined;
  for (const [index, line] of lines.entries()) {
    const entry = entryOfRow(line);
    const now = workOnEntry(spec, entry);
    if (now !== undefined && 'problem' in now)
      return { damage: { path: printableBytes(entry.path), problem: now.problem } };
    if (now !== undefined) recorded ??= lines.slice(0, index).map((before) => `${before}\n`);
    recorded?.push(now === undefined ? `${line}\n` : `${rowOf(now)}\n`);
  }
  return recorded === undefined ? {} : { lines: recorded.join('') };
}

/** @returns the entry to record if it differs; a problem if the source differs from its record */
function workOnEntry(spec: CloneSpec, entry: Entry): Entry | { readonly problem: string } | undefined {
  switch (spec.task) {
    case 'clone':
      return cloneEntry(spec, entry);
    case 'keep':
      return keepEntry(spec, entry);
    case 'note':
      return noteEntry(spec, entry);
    default:
      return checkEntry(spec, entry);
  }
}

function cloneEntry(spec: CloneSpec, entry: Entry): Entry | { readonly problem: string } | undefined {
  if (entry.type !== 'file') {
    makeOther(spec, entry);
    return undefined;
  }
  const source = entryPath(spec.from, entry.path);
  const target = entryPath(spec.to, entry.path);
  // A link has the mode and times of the stored file; if the entry's differ, the file is copied.
  const linked = spec.how === 'hardlink' && storedMode(spec, entry) === entry.mode && spec.epoch === undefined;
  let unlinked: Stats | undefined;
  let found: Stats;
  try {
    if (linked) {
      unlinked = lstatSync(source);
      linkSync(source, target);
      found = lstatSync(source);
    } else {
      found = copyFile(spec, entry, source, target);
    }
  } catch (error) {
    if (lstatSync(source, { throwIfNoEntry: false }) === undefined) return { problem: 'is missing' };
    if ((error as NodeJS.ErrnoException).code === 'ELOOP') return { problem: 'is no file' };
    throw error;
  }
  const problem = differs(spec, entry, found);
  if (problem !== undefined) return { problem };
  const seen = unlinked ?? found;
  if (!spec.trust || !isAsRecorded(spec, entry, seen)) {
    if (digestFile(linked ? source : target) !== entry.digest) return { problem: 'has other content' };
  }
  return restated(spec, entry, found);
}

/**
 * Copies content and metadata.
 * @returns the stat of the source after the copy: its ctime shows any write before or during the copy
 */
function copyFile(spec: CloneSpec, entry: Entry, source: Path, target: Path): Stats {
  if (spec.how === 'copy' && entry.size <= SMALL_FILE && isPlain(spec, entry)) {
    return copySmallFile(entry, source, target, clampedTime(entry, spec.epoch));
  }
  const flags = spec.how === 'reflink' ? constants.COPYFILE_FICLONE_FORCE : 0;
  copyFileSync(source, target, constants.COPYFILE_EXCL | flags);
  const found = lstatSync(source);
  finish(spec, entry, target, found.mode & 0o7777);
  return found;
}

/** True if a new file with the content and times is the whole entry. */
function isPlain({ created }: CloneSpec, { uid, gid, mode, xattrs }: Entry): boolean {
  if (created === undefined || xattrs !== undefined) return false;
  return uid === created.uid && gid === created.gid && (mode & (0o7000 | created.umask)) === 0;
}

/** Half the system calls of `copyFile`, which tries to share blocks first and sets all metadata by path. */
function copySmallFile(entry: Entry, source: Path, target: Path, time: Time): Stats {
  const { size, mode } = entry;
  copyBuffer ??= Buffer.allocUnsafeSlow(SMALL_FILE + 1);
  const from = openSync(source, constants.O_RDONLY | constants.O_NOFOLLOW);
  let length = 0;
  let found: Stats;
  try {
    // One more byte than expected shows a longer file; so does the size, which is checked afterwards.
    length = readSync(from, copyBuffer, 0, size + 1, null);
    found = fstatSync(from);
  } finally {
    closeSync(from);
  }
  const to = openSync(target, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  try {
    for (let at = 0; at < length; ) at += writeSync(to, copyBuffer, at, length - at);
    setCloneTime(to, entry, time);
  } finally {
    closeSync(to);
  }
  return found;
}

function keepEntry(spec: CloneSpec, entry: Entry): Entry | undefined {
  if (entry.type !== 'file') {
    makeOther(spec, entry);
    return undefined;
  }
  const target = entryPath(spec.to, entry.path);
  copyFile(spec, { ...entry, mode: storedMode(spec, entry) }, entryPath(spec.from, entry.path), target);
  const digest = entry.digest ?? digestFile(target);
  return { ...entry, digest, ...stamp(lstatSync(target)) };
}

function noteEntry(spec: CloneSpec, entry: Entry): Entry | undefined {
  if (entry.type !== 'file') return undefined;
  const path = entryPath(spec.to, entry.path);
  const mode = storedMode(spec, entry);
  if (mode !== entry.mode) chmodSync(path, mode);
  const digest = entry.digest ?? digestFile(path);
  return { ...entry, digest, ...stamp(lstatSync(path)) };
}

function checkEntry(spec: CloneSpec, entry: Entry): Entry | { readonly problem: string } | undefined {
  const path = entryPath(spec.from, entry.path);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return { problem: 'is missing' };
  if (entry.type === 'symlink') {
    const same = readlinkSync(path, { encoding: 'latin1' }) === entry.target;
    return found.isSymbolicLink() && same ? undefined : { problem: 'is another link' };
  }
  if (entry.type !== 'file') return undefined;
  const problem = differs(spec, entry, found);
  if (problem !== undefined) return { problem };
  if (isAsRecorded(spec, entry, found) && spec.trust && spec.task !== 'hash') return undefined;
  if (digestFile(path) !== entry.digest) return { problem: 'has other content' };
  return restated(spec, entry, found);
}

/** Sets a directory's metadata, after everything is in it. */
export function finishDirectory(spec: CloneSpec, entry: Entry): void {
  const path = entryPath(spec.to, entry.path);
  if (spec.task !== 'note') finish(spec, entry, path, undefined);
  else if (storedMode(spec, entry) !== entry.mode) chmodSync(path, storedMode(spec, entry));
}

export function makeDirectory(spec: CloneSpec, entry: Entry): void {
  mkdirSync(entryPath(spec.to, entry.path), { mode: 0o700 });
}

/** Makes a hard link to the first path of its inode, which exists by now. */
export function makeHardLink(spec: CloneSpec, entry: Entry): void {
  linkSync(entryPath(spec.to, entry.target ?? ''), entryPath(spec.to, entry.path));
}

/** Checks a directory, or that a hard link shares the inode of its first path. */
export function checkOther(spec: CloneSpec, entry: Entry): string | undefined {
  const found = lstatSync(entryPath(spec.from, entry.path), { throwIfNoEntry: false });
  if (found === undefined) return 'is missing';
  if (entry.type === 'dir') return found.isDirectory() ? undefined : 'is no directory';
  const other = lstatSync(entryPath(spec.from, entry.target ?? ''), { throwIfNoEntry: false });
  return other !== undefined && fileIdentity(other) === fileIdentity(found) ? undefined : 'is no longer a hard link';
}

/**
 * True if the directory's ctime is newer than the snapshot: it may have been swapped for another, whose files look
 * untouched.
 */
export function wasTouched({ from, settled }: CloneSpec, entry: Entry): boolean {
  return settled !== undefined && lstatSync(entryPath(from, entry.path)).ctimeMs > settled;
}

function makeOther(spec: CloneSpec, entry: Entry): void {
  const target = entryPath(spec.to, entry.path);
  if (entry.type === 'symlink') {
    symlinkSync(fsPath(entry.target ?? ''), target);
    finish(spec, entry, target, entry.mode);
    return;
  }
  cloneSpecialFile(target, entry);
  finish(spec, entry, target, undefined);
}

/** @param mode the current mode */
function finish(spec: CloneSpec, entry: Entry, path: Path, mode: number | undefined): void {
  const wanted = spec.task === 'keep' ? storedMode(spec, entry) : entry.mode;
  // Writing, as a copy does, clears setuid and setgid for all users but root.
  const present = mode !== undefined && (mode & 0o6000) === 0 ? mode : undefined;
  const meant = { ...entry, ...clampedTime(entry, spec.epoch), mode: wanted };
  finishClone(path, meant, present, spec.created);
}

/** The mode that an entry has in the store. */
function storedMode({ opened }: CloneSpec, entry: Entry): number {
  if (!opened) return entry.mode;
  return entry.mode | (entry.type === 'dir' ? 0o700 : 0o400);
}

function differs(spec: CloneSpec, entry: Entry, found: Stats): string | undefined {
  if (!found.isFile()) return 'is no file';
  if (found.size !== entry.size) return 'has another size';
  if ((found.mode & 0o7777) !== storedMode(spec, entry)) return 'has another mode';
  if (Math.abs(found.mtimeMs * 1e6 - (entry.mtime * 1e9 + entry.mtimeNs)) > TIME_SLACK) return 'has another time';
  if (found.uid !== entry.uid || found.gid !== entry.gid) return 'has another owner';
  return undefined;
}

/** The entry with its current inode and ctime; undefined if they are as recorded, or if the task records nothing. */
function restated(spec: CloneSpec, entry: Entry, found: Stats): Entry | undefined {
  return spec.settled !== undefined || isAsRecorded(spec, entry, found) ? undefined : { ...entry, ...stamp(found) };
}

function isAsRecorded({ settled }: CloneSpec, entry: Entry, found: Stats): boolean {
  if (settled !== undefined) return found.ctimeMs <= settled;
  return found.ino === entry.ino && found.ctimeMs === entry.ctime;
}

function stamp(found: Stats): { ino: number; ctime: number } {
  return { ino: found.ino, ctime: found.ctimeMs };
}

/** The path of an entry below a root. */
export function entryPath(root: ByteString, path: ByteString): Path {
  return fsPath(`${root}/${path}`);
}
