/** The files of a directory on this machine, as a tree that can be asked. */
import { closeSync, constants, fstatSync, openSync, read } from 'node:fs';
import { promisify } from 'node:util';
import type { FilesInPlace, JobContext, Owner, Store } from '../../contract/index.ts';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { ReadBudget, type ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, printableBytes, textOfBytes } from '../../fs/byte-string.ts';
import { fileIdentity } from '../../fs/entry/link-map.ts';
import { keptMode } from '../../fs/entry/modes.ts';
import { splitTime } from '../../fs/entry/time.ts';
import { DiskReader, isUnchanged, type TreeEntry } from '../../fs/entry/tree-entry.ts';
import { Slices } from '../../fs/walk/slices.ts';
import { walkInSteps } from '../../fs/walk/walk.ts';
import { at, closeDirectory, openChild, openRoot } from '../../fs/write/confined.ts';
import { EntryTree, type TreeDirectory } from '../../image/entries/entry-tree.ts';
import type { FileTree } from '../../image/entries/file-tree.ts';
import { Inode } from '../../image/entries/inode.ts';
import { openSpool, type Spool } from '../../image/entries/spool.ts';

export interface DiskFilesOptions {
  /** Keeps what is read of a large file until all of it is. */
  readonly store: Store;
  readonly files: FilesInPlace;
  /** Whose the files are in the source; as on disk unless given. */
  readonly owner?: Owner | undefined;
  readonly limits?: ReadLimits | undefined;
  readonly release: () => Promise<void>;
}

const READ_SIZE = 512 << 10;
const NANOSECONDS = 1_000_000;

/**
 * Walks a directory.
 * @throws CtxsrcError `E_PERMISSION`, `E_IO`, `E_PATTERN`, `E_LIMIT`
 */
export async function openDiskFiles(job: JobContext, options: DiskFilesOptions): Promise<FileTree> {
  const { store, files, limits, release } = options;
  const tree = new EntryTree(true);
  const paths = new Map<Inode, ByteString>();
  const reader = new DiskReader(files.root);
  const budget = new ReadBudget(limits, printable(textOfBytes(files.root)));
  const slices = new Slices(job.signal, () => undefined);
  const builder = new TreeBuilder(tree, paths, reader, options);
  for (const entry of walkInSteps(reader, files)) {
    if (slices.over) await slices.pause();
    if (entry === undefined || entry.type === 'socket') continue;
    budget.spend(1, entry.type === 'file' ? entry.size : 0);
    builder.add(entry);
  }
  return {
    ask: async (_job, answer) => answer(tree),
    readAll: async () => undefined,
    read: (reading, inode) => readFile(reading, store, files.root, paths.get(inode)!),
    async readSeveral(reading, inodes) {
      const contents = new Map<Inode, Buffer>();
      for (const inode of inodes) {
        const pieces: Uint8Array[] = [];
        for await (const piece of readFile(reading, store, files.root, paths.get(inode)!)) pieces.push(piece);
        contents.set(inode, Buffer.concat(pieces));
      }
      return contents;
    },
    release,
  };
}

class TreeBuilder {
  readonly #tree: EntryTree;
  readonly #paths: Map<Inode, ByteString>;
  readonly #reader: DiskReader;
  readonly #options: DiskFilesOptions;
  readonly #linked = new Map<string, Inode>();
  readonly #directories = new Map<ByteString, TreeDirectory>();

  constructor(tree: EntryTree, paths: Map<Inode, ByteString>, reader: DiskReader, options: DiskFilesOptions) {
    this.#tree = tree;
    this.#paths = paths;
    this.#reader = reader;
    this.#options = options;
    this.#directories.set('', tree.root);
  }

  /** Adds an entry of the walk, which gives a directory before its content. */
  add(entry: TreeEntry): void {
    const cut = entry.path.lastIndexOf('/');
    const parent = this.#directories.get(entry.path.slice(0, Math.max(0, cut)))!;
    const name = entry.path.slice(cut + 1);
    this.#tree.count(name, '', undefined);
    if (entry.type === 'dir') {
      this.#directories.set(entry.path, this.#tree.mkdir(parent, name, this.#metadata(entry)));
      return;
    }
    this.#tree.put(parent, name, this.#inode(entry).name(undefined));
  }

  #inode(entry: TreeEntry): Inode {
    const identity = entry.nlink > 1 ? fileIdentity(entry) : undefined;
    const known = identity === undefined ? undefined : this.#linked.get(identity);
    if (known !== undefined) return known;
    const type = entry.type as Inode['type'];
    const size = type === 'file' ? entry.size : 0;
    const inode = new Inode({ type, size, target: this.#reader.targetOf(entry) }, this.#metadata(entry));
    this.#paths.set(inode, entry.path);
    if (identity !== undefined) this.#linked.set(identity, inode);
    return inode;
  }

  #metadata(entry: TreeEntry): Inode['meta'] {
    const { owner, files } = this.#options;
    const { uid, gid } = owner ?? entry;
    const time = splitTime(BigInt(Math.round(entry.mtimeMs * NANOSECONDS)));
    return { mode: keptMode(entry, files.modes), uid, gid, ...time, xattrs: undefined };
  }
}

/** Reads a file below the root without following a link on the way: all of it before the first byte is given. */
async function* readFile(
  job: JobContext,
  store: Store,
  root: ByteString,
  path: ByteString,
): AsyncGenerator<Uint8Array> {
  const fd = openBelow(root, path);
  let spool: Spool | undefined;
  try {
    const before = fstatSync(fd);
    spool = await openSpool(store, before.size);
    let length = 0;
    for await (const chunk of chunksOf(job, fd, path)) {
      if (length + chunk.length > before.size) throw changed(path);
      spool.write(chunk, length);
      length += chunk.length;
    }
    if (length !== before.size || !isUnchanged(fstatSync(fd), before)) throw changed(path);
    yield* spool.read();
  } finally {
    closeSync(fd);
    await spool?.close();
  }
}

/** The pieces of a file, each overwritten by the next. */
async function* chunksOf(job: JobContext, fd: number, path: ByteString): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(READ_SIZE);
  for (;;) {
    job.signal.throwIfAborted();
    const { bytesRead } = await promisify(read)(fd, buffer, 0, READ_SIZE, null).catch((error: unknown) => {
      throw ioError(error, `cannot read ${printableBytes(path)}`);
    });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function changed(path: ByteString): CtxsrcError {
  return new CtxsrcError('E_IO', `${printableBytes(path)} changed while it was read`, {
    hint: 'run it again when nothing writes there',
  });
}

function openBelow(root: ByteString, path: ByteString): number {
  const names = path.split('/');
  const last = names.pop()!;
  let dir = openRoot(Buffer.from(root, 'latin1').toString());
  try {
    for (const name of names) {
      const child = openChild(dir, name);
      closeDirectory(dir);
      dir = child;
    }
    const fd = openSync(at(dir, last), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    throw new Error('it is no file any more');
  } catch (error) {
    throw ioError(error, `cannot read ${printableBytes(path)}`);
  } finally {
    closeDirectory(dir);
  }
}
