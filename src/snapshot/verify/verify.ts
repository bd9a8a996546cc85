/**
 * Checks that a directory still is the snapshot that its sidecar describes. Offline and read-only; links are never
 * followed.
 */
import { accessSync, constants, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import type { Entry } from '../../contract/entry.ts';
import type { JobContext } from '../../contract/session.ts';
import { ioError } from '../../core/errors.ts';
import { octal } from '../../core/format.ts';
import { printable } from '../../core/printable.ts';
import { type Advance, silentProgress, Task } from '../../core/progress.ts';
import { ReadBudget, type ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, bytesOfText, fsPath, readableBytes } from '../../fs/byte-string.ts';
import { fileIdentity } from '../../fs/entry/link-map.ts';
import { type EntryType, entryOf, type TreeEntry, typeOf } from '../../fs/entry/tree-entry.ts';
import { loadNative, type Native } from '../../fs/native/native.ts';
import { deviceOf } from '../../fs/native/stat.ts';
import { Slices } from '../../fs/walk/slices.ts';
import type { Sidecar } from '../sidecar/format.ts';
import { readSidecar } from '../sidecar/sidecar.ts';
import { hashFiles } from './hash-files.ts';
import { compareXattrs } from './xattrs.ts';

/** One path that is not as it was written. */
export interface Difference {
  /** Relative; bytes that are not UTF-8 as latin-1. `.` is the directory itself. */
  readonly path: string;
  /** What differs. */
  readonly kind: 'added' | 'missing' | 'type' | 'content' | 'mode' | 'owner' | 'target' | 'xattr';
  /** For people: the current and the recorded state. */
  readonly detail: string;
}

export interface Verification {
  readonly sidecar: Sidecar;
  readonly differences: readonly Difference[];
  /** Paths of which only the mtime changed: the content matches the key. */
  readonly notes: readonly string[];
  /** Properties that could not be read: `xattrs` without the native package or permission. */
  readonly incomplete: readonly string[];
}

/**
 * Compares every path of a snapshot directory with its sidecar: type, mode, owner, link target, device, extended
 * attributes, and the content itself by hashing it; then the content key of the whole, where the sidecar has one.
 * @throws CtxsrcError `E_PATH_NOT_FOUND` without a sidecar, `E_SIDECAR_INVALID`, `E_LIMIT`; differences are no error here
 */
export async function verifySnapshot(job: JobContext, dir: string, limits?: ReadLimits): Promise<Verification> {
  const work = async (task: Task): Promise<Verification> => {
    const sidecar = await readSidecar(dir);
    const comparison = new Comparison(dir, sidecar, false, limits);
    await comparison.run(job.signal, (done, more) => task.advance(done, more));
    const { differences, notes, incomplete } = comparison;
    if (sidecar.tree !== undefined && differences.length === 0 && incomplete.size === 0) {
      const { hashTree } = await import('../../fs/hash/hash-tree.ts');
      const { digest } = await hashTree(bytesOfText(dir), { signal: job.signal, limits });
      const detail = `its content key is sha256:${digest}, it was ${sidecar.tree}`;
      if (`sha256:${digest}` !== sidecar.tree) differences.push({ path: '.', kind: 'content', detail });
    }
    differences.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    const different = new Set(differences.map(({ path }) => path));
    return { sidecar, differences, notes: notes.filter((path) => !different.has(path)), incomplete: [...incomplete] };
  };
  return Task.run(job, 'verify', printable(dir), work).catch((error: unknown) => {
    throw ioError(error, `cannot verify ${printable(dir)}`);
  });
}

/**
 * The quick check of an existing snapshot: as `verifySnapshot`, but files that were not changed since the sidecar was
 * written (by their ctimes, which no program can set) are not read again. This holds only for the very directories that
 * were written: the content of any other, of a copy for instance, is read.
 */
export async function isIntact(dir: string, sidecar: Sidecar, job?: JobContext): Promise<boolean> {
  const comparison = new Comparison(dir, sidecar, true);
  // The amount to read is not known before.
  const work = (task: Task) => comparison.run(job?.signal, (bytes, { files }) => task.advance(bytes, { files }));
  await Task.run(job ?? { progress: silentProgress }, 'verify', printable(dir), work).catch((error: unknown) => {
    throw ioError(error, `cannot read ${printable(dir)}`);
  });
  return comparison.differences.length === 0 && comparison.incomplete.size === 0;
}

type OnProgress = (bytes: number, more: Advance) => void;

/** A `stat`, and opening a file, take about as long as hashing this many bytes. */
const ENTRY_COST = 8 << 10;

class Comparison {
  readonly differences: Difference[] = [];
  readonly notes: string[] = [];
  readonly incomplete = new Set<string>();
  readonly #dir: string;
  readonly #root: ByteString;
  readonly #sidecar: Sidecar;
  #quick: boolean;
  readonly #budget: ReadBudget;
  readonly #native: Native | undefined;
  /** Milliseconds, with a microsecond added for rounding. */
  readonly #written: number;
  readonly #expected = new Map<ByteString, Entry>();
  /** Directories that no longer exist: nothing below them is checked, least of all through a link. */
  readonly #gone = new Set<ByteString>();
  /** Directories that were changed since, and those below: a replaced directory may contain older files. */
  readonly #touched = new Set<ByteString>();
  readonly #inodes = new Map<ByteString, string>();
  readonly #toHash: { readonly file: TreeEntry; readonly entry: Entry }[] = [];

  constructor(dir: string, sidecar: Sidecar, quick: boolean, limits?: ReadLimits) {
    this.#dir = dir;
    this.#root = bytesOfText(dir);
    this.#sidecar = sidecar;
    this.#quick = quick;
    this.#budget = new ReadBudget(limits, printable(dir));
    this.#native = loadNative();
    const written = BigInt(sidecar.written);
    this.#written = Number(written / 1_000_000n) + Number(written % 1_000_000n) / 1e6 + 0.001;
  }

  /** @param onProgress called from time to time with the number of hashed bytes and the part of the whole */
  async run(signal: AbortSignal | undefined, onProgress: OnProgress): Promise<void> {
    signal?.throwIfAborted();
    const root = lstatSync(this.#dir, { throwIfNoEntry: false });
    if (root === undefined) return this.#differs('.', 'missing', 'the directory itself');
    if (!root.isDirectory()) return this.#differs('.', 'type', `it is ${typeOf(root.mode)}, it was dir`);
    const inode = lstatSync(this.#dir, { bigint: true, throwIfNoEntry: false })?.ino;
    if (String(inode) !== this.#sidecar.root.inode) this.#quick = false;
    this.#compareModeAndOwner('.', root, this.#sidecar.root);

    const { entries } = this.#sidecar;
    for (const entry of entries) this.#expected.set(entry.path, entry);
    this.#lookForAdded('', this.#dir);
    let visited = 0;
    const slices = new Slices(signal, () => this.#tell(onProgress, visited, 0, 0));
    for (const entry of entries) {
      if (this.#quick && this.differences.length > 0) return;
      visited += 1;
      if (slices.over) await slices.pause();
      this.#budget.spend(1, entry.type === 'file' ? entry.size : 0);
      this.#compareEntry(entry);
    }
    await this.#compareContent(signal, onProgress);
  }

  #compareEntry(entry: Entry): void {
    const key = entry.path;
    const slash = key.lastIndexOf('/');
    const dir = slash > 0 ? key.slice(0, slash) : '';
    if (this.#gone.has(dir)) {
      this.#gone.add(key);
      this.#differs(entry.path, 'missing', entry.type);
      return;
    }
    const path = this.#full(key);
    const stat = statOf(path);
    // Below a directory that this user may not enter. If that directory is unchanged, it hides no change.
    if (stat === 'hidden') {
      if (!this.#quick) this.incomplete.add('unreadable directories');
      return;
    }
    if (stat === undefined || !isType(entry.type, typeOf(stat.mode))) {
      this.#gone.add(key);
      if (stat === undefined) this.#differs(key, 'missing', entry.type);
      else this.#differs(key, 'type', `it is ${typeOf(stat.mode)}, it was ${entry.type}`);
      return;
    }
    const type = typeOf(stat.mode);
    const inode = fileIdentity(stat);
    this.#compareModeAndOwner(key, stat, entry);
    if (entry.type === 'hardlink') {
      if (this.#inodes.get(entry.target ?? '') !== inode) {
        this.#differs(entry.path, 'target', `it is no longer the same file as ${readableBytes(entry.target ?? '')}`);
      }
      return;
    }
    if (stat.nlink > 1 && type !== 'dir') this.#inodes.set(key, inode);
    const untouched = this.#quick && stat.ctimeMs <= this.#written && !this.#touched.has(dir);
    if (type === 'dir' && !untouched) this.#touched.add(key);
    if (type === 'file') this.#compareFile(entry, key, path, stat, untouched);
    if (untouched) return;
    if (type === 'dir') this.#lookForAdded(key, path);
    if (type === 'symlink') this.#compareTarget(entry, readlinkSync(path, { encoding: 'latin1' }));
    if (type === 'char' || type === 'block') this.#compareTarget(entry, deviceOf(stat.rdev));
    const attributes = compareXattrs(this.#native, path, entry.xattrs);
    if (attributes.incomplete) this.incomplete.add('xattrs');
    for (const detail of attributes.differences) this.#differs(key, 'xattr', detail);
    // The mtime of a directory changes with its files, whose changes are reported already.
    if (type !== 'dir' && Math.abs(stat.mtimeMs - entry.mtime * 1000 - entry.mtimeNs / 1e6) > 0.002) {
      this.notes.push(readableBytes(entry.path));
    }
  }

  #compareModeAndOwner(path: ByteString, stat: Stats, was: Pick<Entry, 'mode' | 'uid' | 'gid'>): void {
    const mode = stat.mode & 0o7777;
    if (!stat.isSymbolicLink() && mode !== was.mode) {
      this.#differs(path, 'mode', `it is ${octal(mode)}, it was ${octal(was.mode)}`);
    }
    if (stat.uid !== was.uid || stat.gid !== was.gid) {
      this.#differs(path, 'owner', `it is ${stat.uid}:${stat.gid}, it was ${was.uid}:${was.gid}`);
    }
  }

  #compareFile(entry: Entry, key: ByteString, path: string | Buffer, stat: Stats, untouched: boolean): void {
    if (stat.size !== entry.size)
      this.#differs(entry.path, 'content', `its size is ${stat.size}, it was ${entry.size}`);
    else if (untouched) return;
    else if (!isReadable(path)) this.incomplete.add('unreadable files');
    else this.#toHash.push({ file: entryOf(key, stat), entry });
  }

  #compareTarget(entry: Entry, is: string): void {
    if (is !== (entry.target ?? '')) {
      this.#differs(
        entry.path,
        'target',
        `it is ${readableBytes(is)}, it was ${readableBytes(entry.target ?? 'unknown')}`,
      );
    }
  }

  #lookForAdded(key: string, path: string | Buffer): void {
    let names: ByteString[];
    try {
      names = readdirSync(path, { encoding: 'latin1' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
      this.incomplete.add('unreadable directories');
      return;
    }
    for (const name of names) {
      const child = key === '' ? name : `${key}/${name}`;
      if (this.#expected.has(child)) continue;
      const stat = statOf(this.#full(child));
      if (stat === undefined) continue;
      this.#budget.spend(1, 0);
      this.#differs(child, 'added', stat === 'hidden' ? 'something' : typeOf(stat.mode));
    }
  }

  async #compareContent(signal: AbortSignal | undefined, onProgress: OnProgress): Promise<void> {
    const files = this.#toHash.map(({ file }) => file);
    const digests = await hashFiles(
      bytesOfText(this.#dir),
      files,
      (bytes, hashed) => this.#tell(onProgress, this.#expected.size, bytes, hashed),
      signal,
    );
    for (const [index, { entry }] of this.#toHash.entries()) {
      if (`sha256:${digests[index]}` !== entry.digest) this.#differs(entry.path, 'content', 'its bytes are others');
    }
  }

  #tell(onProgress: OnProgress, looked: number, bytes: number, hashed: number): void {
    const { bytes: total } = this.#sidecar;
    const work = total + ENTRY_COST * 2 * this.#expected.size;
    const part = work === 0 ? 0 : (bytes + ENTRY_COST * (looked + hashed)) / work;
    onProgress(bytes, { total, files: looked, part });
  }

  #full(path: ByteString): string | Buffer {
    return fsPath(`${this.#root}/${path}`);
  }

  #differs(path: ByteString, kind: Difference['kind'], detail: string): void {
    this.differences.push({ path: readableBytes(path), kind, detail });
  }
}

function isReadable(path: string | Buffer): boolean {
  if (process.getuid?.() === 0) return true;
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EACCES';
  }
}

function statOf(path: string | Buffer): Stats | 'hidden' | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return undefined;
    if (code === 'EACCES') return 'hidden';
    throw error;
  }
}

/** A hard link has the type of its target, which is never a directory or socket. */
function isType(wanted: Entry['type'], is: EntryType): boolean {
  return wanted === is || (wanted === 'hardlink' && is !== 'dir' && is !== 'socket');
}
