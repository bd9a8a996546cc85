/**
 * The system calls that reading a tree is made of: the system's own where they are bound (with a third less work for
 * each), else those of `node:fs`. Nothing follows a link in the last component.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs';
import type { DirectoryNames } from './directory-entries.ts';
import type { Native } from './native.ts';
import type { NativeStat } from './native-stat.ts';

/** Failures carry the `code` of the system. */
export interface FileCalls {
  /** Opens a file to read it; one that was replaced by a fifo or a terminal is not waited for or taken over. */
  open(path: string | Buffer): number;
  /** Reads from a position of the file as much as `into` has room for, or less: 0 only at the end of the file. */
  read(fd: number, into: Buffer, position: number): number;
  /** Only valid until the next call. */
  stat(fd: number): Stats | NativeStat;
  close(fd: number): void;
  names(path: string | Buffer): DirectoryNames;
  /** Undefined where an open directory cannot be listed. */
  readonly directories: DirectoryCalls | undefined;
}

/** With them a directory's path is followed once for all that is asked of it. */
export interface DirectoryCalls {
  open(path: string | Buffer): number;
  names(fd: number): DirectoryNames;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const LIST = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK;

/** The calls there are. */
export function fileCalls(native: Native | undefined): FileCalls {
  if (native?.capabilities.stat !== true) return NODE_CALLS;
  return {
    open: (path) => native.open(path, READ),
    read: native.read,
    stat: native.fstat,
    close: native.close,
    names: native.capabilities.directories ? (path) => namesIn(native, path) : NODE_CALLS.names,
    directories: native.capabilities.directories
      ? { open: (path) => native.open(path, LIST | constants.O_NOFOLLOW), names: native.readDirectory }
      : undefined,
  };
}

const NODE_CALLS: FileCalls = {
  open: (path) => openSync(path, READ),
  read: (fd, into, position) => readSync(fd, into, 0, into.length, position),
  stat: (fd) => fstatSync(fd),
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
