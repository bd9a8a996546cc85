/**
 * Writes the filtered tree of a directory into a directory of the caller. The source is only read, and no link in it is
 * followed. Everything is hashed on the way: the written files match the key, or there is an error.
 */
import { closeSync, linkSync, lstatSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import type { Entry, JobContext, Metadata, Time, WriteOptions, WriteReport, Xattrs } from '../../contract/index.ts';
import { CtxsrcError, ioError, localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { Task } from '../../core/progress.ts';
import { type ByteString, fsPath, textOfBytes } from '../../fs/byte-string.ts';
import { EMPTY_DIGEST, entryHeader, hexDigest } from '../../fs/entry/header.ts';
import { LinkMap } from '../../fs/entry/link-map.ts';
import { keptMode, type Modes } from '../../fs/entry/modes.ts';
import { splitTime } from '../../fs/entry/time.ts';
import { DiskReader, type TreeEntry } from '../../fs/entry/tree-entry.ts';
import { readXattrs } from '../../fs/entry/xattrs.ts';
import { TreeHasher } from '../../fs/hash/tree-hasher.ts';
import { PathFilter } from '../../fs/match/path-filter.ts';
import { loadNative, type Native } from '../../fs/native/native.ts';
import type { TreeFilter } from '../../fs/walk/filter.ts';
import { Slices } from '../../fs/walk/slices.ts';
import { walkInSteps } from '../../fs/walk/walk.ts';
import { metadataOf } from '../../fs/write/metadata.ts';
import { addSpecialLoss, makeSpecialFile, type SpecialType } from '../../fs/write/special-file.ts';
import { copyFile } from './copy-file.ts';
import { Finisher } from './finish-entry.ts';

export interface CopyRequest {
  /** The source, resolved, as a byte string. */
  readonly root: ByteString;
  readonly filter: TreeFilter;
  readonly modes: Modes;
  /** The content hash in hex that the tree must have. */
  readonly digest: string;
  /** An empty directory of the caller. */
  readonly dir: string;
  readonly options: WriteOptions;
}

interface Directory {
  readonly place: ByteString;
  readonly entry: TreeEntry;
  readonly xattrs: Xattrs;
  written: boolean;
}

const NO_XATTRS: Xattrs = new Map();

/**
 * Copies the tree.
 * @throws CtxsrcError `E_IO` if the source no longer matches its key, `E_PERMISSION` for unreadable entries, `E_LIMIT`,
 * `E_DISK_FULL`, `E_PATH_NOT_FOUND` for a subpath that is not a directory of the source
 */
export async function copyTree(job: JobContext, request: CopyRequest): Promise<WriteReport> {
  const label = printable(textOfBytes(request.root));
  return Task.run(job, 'copy', label, (task) => new Copy(job.signal, task, request).run());
}

class Copy {
  readonly #signal: AbortSignal;
  readonly #request: CopyRequest;
  readonly #reader: DiskReader;
  readonly #target: DiskReader;
  readonly #paths: PathFilter;
  readonly #native: Native | undefined = loadNative();
  readonly #hasher = new TreeHasher(EMPTY_DIGEST);
  readonly #finisher: Finisher;
  readonly #task: Task;
  readonly #entries: Entry[] = [];
  /** The directories from the root to the current entry. */
  readonly #dirs: Directory[] = [];
  /** The written ones, whose times are set after their content. */
  readonly #made: (Directory & { readonly index: number })[] = [];
  /** The first path of each inode with several names. */
  readonly #links = new LinkMap<ByteString>();
  #bytes = 0;
  #subpathSeen = false;

  constructor(signal: AbortSignal, task: Task, request: CopyRequest) {
    this.#signal = signal;
    this.#task = task;
    this.#request = request;
    this.#reader = new DiskReader(request.root);
    this.#target = new DiskReader(Buffer.from(request.dir).toString('latin1'));
    this.#paths = new PathFilter(request.options.filter);
    this.#finisher = new Finisher(request.options);
  }

  async run(): Promise<WriteReport> {
    const slices = new Slices(this.#signal, () => this.#task.advance(this.#bytes, { files: this.#entries.length }));
    for (const _ of this.#steps()) if (slices.over) await slices.pause();
    if (this.#hasher.finish().digest !== this.#request.digest) throw this.#changed();
    this.#finishDirectories();
    return {
      files: this.#entries.length,
      bytes: this.#bytes,
      losses: this.#finisher.losses.losses,
      lossCounts: this.#finisher.losses.counts,
      entries: this.#entries,
      via: 'copy',
    };
  }

  /** Processes every entry; yields where the caller may pause. */
  *#steps(): Generator<undefined> {
    for (const entry of walkInSteps(this.#reader, this.#request.filter)) {
      if (entry !== undefined) yield* this.#take(entry);
      yield;
    }
  }

  /** Hashes an entry, and writes it to the path that the filter gives it. */
  *#take(entry: TreeEntry): Generator<undefined> {
    const xattrs = this.#xattrs(entry.path);
    const place = this.#paths.writtenPath(entry.path);
    const isDir = entry.type === 'dir';
    if (place === '' && isDir) this.#subpathSeen = true;
    if (place === '' && !isDir) throw subpathProblem(entry.path);
    const wanted = place !== undefined && place !== '' && this.#paths.wants(place);
    while (this.#dirs.length > 0 && !`${place}`.startsWith(`${this.#dirs.at(-1)!.place}/`)) this.#dirs.pop();
    if (isDir) {
      this.#hasher.directory(entry.path, hexDigest(this.#header(entry, xattrs)));
      if (place !== undefined && place !== '') this.#dirs.push({ place, entry, xattrs, written: false });
    }
    if (wanted) this.#writeDirectories();
    const target = wanted ? place : undefined;
    if (entry.type === 'file') yield* this.#file(entry, xattrs, target);
    else if (!isDir) this.#other(entry, xattrs, target);
  }

  /** Writes the parents of the next entry: they are written if something in them is, or if they are selected. */
  #writeDirectories(): void {
    for (const dir of this.#dirs) {
      if (dir.written) continue;
      const { place, xattrs } = dir;
      this.#count(0);
      this.#write(place, () => mkdirSync(this.#target.full(place), 0o700));
      dir.written = true;
      this.#made.push({ ...dir, index: this.#entries.length });
      // The final state of a directory is known after its content.
      this.#entries.push(this.#written(place, 'dir', xattrs));
    }
  }

  #xattrs(path: ByteString): Xattrs {
    const native = this.#native;
    if (native === undefined) return NO_XATTRS;
    return this.#read(path, () => readXattrs(native, this.#reader.full(path)).xattrs);
  }

  #header(entry: TreeEntry, xattrs: Xattrs, target?: ByteString): ByteString {
    return entryHeader({
      type: entry.type,
      mode: keptMode(entry, this.#request.modes),
      uid: 0,
      gid: 0,
      size: entry.size,
      target,
      xattrs,
    });
  }

  *#file(entry: TreeEntry, xattrs: Xattrs, place: ByteString | undefined): Generator<undefined> {
    const first = place === undefined ? undefined : this.#links.firstOf(entry, place);
    const writes = place !== undefined && first === undefined;
    if (writes) this.#count(entry.size);
    const copied = yield* copyFile(
      this.#reader.full(entry.path),
      writes ? this.#target.full(place) : undefined,
      entry,
      this.#header(entry, xattrs),
    );
    if (copied === undefined) throw this.#changed(entry.path);
    this.#hasher.file(entry.path, copied.digest);
    if (place === undefined) return;
    if (first !== undefined) {
      this.#write(place, () => linkSync(this.#target.full(first), this.#target.full(place)));
      this.#count(0);
      this.#entries.push({ ...this.#written(place, 'hardlink', undefined), target: first });
      return;
    }
    this.#bytes += entry.size;
    this.#finish(entry, place, xattrs, { size: entry.size, digest: `sha256:${copied.content}` });
  }

  /** An entry without content: a link, device or fifo, or a socket, which becomes an empty file. */
  #other(entry: TreeEntry, xattrs: Xattrs, place: ByteString | undefined): void {
    const target = this.#read(entry.path, () => this.#reader.targetOf(entry));
    this.#hasher.file(entry.path, hexDigest(this.#header(entry, xattrs, target)));
    if (place === undefined) return;
    this.#count(0);
    const path = this.#target.full(place);
    if (entry.type === 'symlink') {
      this.#write(place, () => symlinkSync(fsPath(target!), path));
      this.#finish(entry, place, xattrs, { target });
    } else if (entry.type === 'socket') {
      this.#write(place, () => closeSync(openSync(path, 'wx', 0o600)));
      this.#finisher.losses.add('socket', place, 'written as an empty file');
      this.#finish(entry, place, xattrs, { size: 0, digest: `sha256:${EMPTY_DIGEST}` });
    } else {
      this.#special(entry, place, xattrs, target);
    }
  }

  #special(entry: TreeEntry, place: ByteString, xattrs: Xattrs, device: string | undefined): void {
    const type = entry.type as SpecialType;
    let made = false;
    this.#write(place, () => {
      made = makeSpecialFile(this.#target.full(place), type, 0o600, device);
    });
    if (made) this.#finish(entry, place, xattrs, { target: device });
    else addSpecialLoss(this.#finisher.losses, place, type, device);
  }

  #read<T>(path: ByteString, read: () => T): T {
    try {
      return read();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'EINVAL') throw this.#changed(path);
      throw ioError(error, `cannot read ${printable(textOfBytes(path))}`);
    }
  }

  #finishDirectories(): void {
    const { subpath } = this.#paths;
    if (subpath !== '' && !this.#subpathSeen) throw subpathProblem(subpath);
    for (const { place, entry, xattrs, index } of this.#made.reverse()) {
      const has = this.#finisher.finish(this.#target.full(place), place, 'dir', this.#source(entry, xattrs));
      this.#entries[index] = this.#written(place, 'dir', has.xattrs);
    }
    this.#finisher.finishRoot(this.#target.full(''), this.#mtime(subpath));
  }

  #source(entry: TreeEntry, xattrs: Xattrs): Metadata {
    const { uid, gid } = entry;
    return { uid, gid, mode: keptMode(entry, this.#request.modes), ...this.#mtime(entry.path), xattrs };
  }

  /** The mtime in nanoseconds, which `TreeEntry` does not have. */
  #mtime(path: ByteString): Time {
    const stat = lstatSync(this.#reader.full(path), { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) throw this.#changed(path);
    return splitTime(stat.mtimeNs);
  }

  #finish(entry: TreeEntry, place: ByteString, xattrs: Xattrs, more: Partial<Entry>): void {
    const has = this.#finisher.finish(this.#target.full(place), place, entry.type, this.#source(entry, xattrs));
    const type = entry.type === 'socket' ? 'file' : entry.type;
    this.#entries.push({ ...this.#written(place, type, has.xattrs), ...more });
  }

  /** An entry with what it really has. */
  #written(path: ByteString, type: Entry['type'], xattrs: Xattrs | undefined): Entry {
    const stat = lstatSync(this.#target.full(path), { bigint: true });
    return { ...metadataOf(stat), xattrs: xattrs?.size === 0 ? undefined : xattrs, path, type, size: 0 };
  }

  #write(place: ByteString, make: () => unknown): void {
    try {
      make();
    } catch (error) {
      throw localError(error, `cannot write ${printable(textOfBytes(place))}`);
    }
  }

  #count(bytes: number): void {
    const { maxBytes, maxFiles } = this.#request.options.limits;
    if (this.#entries.length + 1 > maxFiles) {
      throw new CtxsrcError('E_LIMIT', `the directory has more than ${maxFiles} entries`, {
        hint: 'allow more with --max-files',
      });
    }
    if (this.#bytes + bytes > maxBytes) {
      throw new CtxsrcError('E_LIMIT', `the files of the directory are larger than ${maxBytes} bytes`, {
        hint: 'allow more with --max-bytes',
      });
    }
  }

  #changed(path?: ByteString): CtxsrcError {
    const what = path === undefined ? 'the directory' : printable(textOfBytes(path));
    return new CtxsrcError('E_IO', `${what} changed while it was copied`, {
      hint: 'wait until nothing writes to the directory, then run the command again',
    });
  }
}

function subpathProblem(path: ByteString): CtxsrcError {
  return new CtxsrcError('E_PATH_NOT_FOUND', `${printable(textOfBytes(path))} is no directory of the source`, {
    hint: 'ctxsrc inspect shows what the source holds; --subpath names a directory of it',
  });
}
