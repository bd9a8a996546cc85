/**
 * The system calls for reading a tree: bound directly if possible, which makes the first key of 200,000 files 1.2 times
 * as fast (bench/RESULTS.md), else those of `node:fs`. No call follows a link in the last component.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs';
import { type ByteString, fsPath } from '../byte-string.ts';
import type { DirectoryNames } from './directory.ts';
import type { Native } from './native.ts';
import type { NativeStat } from './stat.ts';

/** Errors carry the system's `code`. */
export interface FileCalls {
  /** Access to the files below a directory, given without a trailing slash. */
  below(root: ByteString): FilesBelow;
  /** Reads up to `length` bytes from a position of a file to an offset in the buffer; 0 only at the end of the file. */
  read(fd: number, buffer: Uint8Array, at: number, length: number, position: number): number;
  /** The result is valid until the next call. */
  stat(fd: number): Stats | NativeStat;
  /** False if an open file has no extended attributes, or if they cannot be read at all. */
  mayHaveXattrs(fd: number): boolean;
  close(fd: number): void;
  names(path: string | Buffer): DirectoryNames;
  /** Undefined if an open directory cannot be listed. */
  readonly directories: DirectoryCalls | undefined;
}

export interface FilesBelow {
  /** Opens a file for reading, without blocking on a fifo and without taking a controlling terminal. */
  open(path: ByteString): number;
  /** Must be called at the end. */
  close(): void;
}

/** Calls relative to an open directory, so that its path is resolved only once. */
interface DirectoryCalls {
  open(path: string | Buffer): number;
  names(fd: number): DirectoryNames;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const LIST = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK;
/** `O_PATH` of opens a directory without permission to read it. */
const PLACE = constants.O_DIRECTORY | 0o10000000;

/** The native calls, or those of `node:fs`. */
export function fileCalls(native: Native | undefined): FileCalls {
  if (native === undefined) return NODE_CALLS;
  if (!native.capabilities.stat) return { ...NODE_CALLS, mayHaveXattrs: native.mayHaveXattrs };
  return {
    below(root) {
      const dir = native.openAt(undefined, fsPath(root || '/'), PLACE);
      return { open: (path) => native.openAt(dir, fsPath(path), READ), close: () => native.close(dir) };
    },
    read: native.read,
    stat: native.fstat,
    mayHaveXattrs: native.mayHaveXattrs,
    close: native.close,
    names: native.capabilities.directories ? (path) => namesIn(native, path) : NODE_CALLS.names,
    directories: native.capabilities.directories
      ? { open: (path) => native.openAt(undefined, path, LIST | constants.O_NOFOLLOW), names: native.readDirectory }
      : undefined,
  };
}

const NODE_CALLS: FileCalls = {
  below: (root) => ({
    open: (path) => openSync(fsPath(`${root}/${path}`), READ),
    close: () => undefined,
  }),
  read: readSync,
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
  const fd = native.openAt(undefined, path, LIST);
  try {
    return native.readDirectory(fd);
  } finally {
    native.close(fd);
  }
}
