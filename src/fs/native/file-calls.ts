/**
 * The system calls that reading a tree is made of: the system's own where they are bound (with a third less work for
 * each), else those of `node:fs`. Nothing follows a link in the last component.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs';
import { type ByteString, fsPath, type Latin1Buffer } from '../byte-string.ts';
import type { DirectoryNames } from './directory.ts';
import type { Native, OpenPath, ReadInto } from './native.ts';
import type { NativeStat } from './stat.ts';

/** Failures carry the `code` of the system. */
export interface FileCalls {
  /** The files below a directory, given without a slash at its end. */
  below(root: ByteString): FilesBelow;
  /** A function that reads into a buffer. */
  readerInto(buffer: Buffer): ReadInto;
  /** Only valid until the next call. */
  stat(fd: number): Stats | NativeStat;
  /** False when an open file surely has no extended attributes, or there are no calls to see them. */
  mayHaveXattrs(fd: number): boolean;
  close(fd: number): void;
  names(path: string | Buffer): DirectoryNames;
  /** Undefined where an open directory cannot be listed. */
  readonly directories: DirectoryCalls | undefined;
}

export interface FilesBelow {
  /** Opens a file to read it; one that was replaced by a fifo or a terminal is not waited for or taken over. */
  readonly open: OpenPath;
  /** Has to be called at the end. */
  close(): void;
}

/** With them a directory's path is followed once for all that is asked of it. */
export interface DirectoryCalls {
  open(path: string | Buffer): number;
  names(fd: number): DirectoryNames;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const LIST = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK;
/** Linux: names a place without a right to read it (`O_PATH`). */
const PLACE = constants.O_DIRECTORY | 0o10000000;

/** The calls there are. */
export function fileCalls(native: Native | undefined): FileCalls {
  if (native === undefined) return NODE_CALLS;
  if (!native.capabilities.stat) return { ...NODE_CALLS, mayHaveXattrs: native.mayHaveXattrs };
  return {
    below(root) {
      const dir = native.open(fsPath(root || '/'), PLACE);
      return { open: native.openerBelow(dir, READ), close: () => native.close(dir) };
    },
    readerInto: native.readerInto,
    stat: native.fstat,
    mayHaveXattrs: native.mayHaveXattrs,
    close: native.close,
    names: native.capabilities.directories ? (path) => namesIn(native, path) : NODE_CALLS.names,
    directories: native.capabilities.directories
      ? { open: (path) => native.open(path, LIST | constants.O_NOFOLLOW), names: native.readDirectory }
      : undefined,
  };
}

const NODE_CALLS: FileCalls = {
  below: (root) => ({
    open: (memory, at) =>
      openSync(fsPath(`${root}/${(memory as Latin1Buffer).latin1Slice(at, memory.indexOf(0, at))}`), READ),
    close: () => undefined,
  }),
  readerInto: (buffer) => (fd, at, length, position) => readSync(fd, buffer, at, length, position),
  stat: (fd) => fstatSync(fd),
  mayHaveXattrs: () => false,
  close: closeSync,
  names(path) {
    const entries = readdirSync(path, { withFileTypes: true, encoding: 'latin1' });
    const others = entries
      .filter((entry) => !entry.isFile())
      .map((entry) => [entry.name, entry.isDirectory()] as const);
    return { names: entries.map(({ name }) => name), others: new Map(others) };
  },
  directories: undefined,
};

function namesIn(native: Native, path: string | Buffer): DirectoryNames {
  const fd = native.open(path, LIST);
  try {
    return native.readDirectory(fd);
  } finally {
    native.close(fd);
  }
}
