/**
 * System calls that Node does not offer: extended attributes, device nodes, nanosecond times without following links,
 * exchange of two paths, opening below an open directory. The only file that uses koffi, an optional dependency:
 * without it (or on a system other than 64-bit Linux) `loadNative` returns undefined, and callers report what they left
 * out. All calls are synchronous and work in threads.
 *
 * Only this module's tests check the signatures below: an argument of the wrong type corrupts memory. Paths are passed
 * as text (UTF-8) or as raw bytes, never with a NUL inside.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type { Latin1Buffer } from '../byte-string.ts';
import { cName, cString, type NativePath, systemError, timespecs } from './c-values.ts';
import { type DirectoryNames, readEntries } from './directory.ts';
import { deviceNumber, type NativeStat, StatxBuffer } from './stat.ts';

/** An open file, or a path. */
export type NativeTarget = number | NativePath;

/**
 * Calls throw an Error whose `code` is that of the system (`ENOENT`, `ENOTSUP`, …), as Node's own do, so that `ioError`
 * understands it. No call follows a symbolic link in the last component.
 */
export interface Native {
  readonly capabilities: NativeCapabilities;
  /**
   * Names of the extended attributes as byte strings, in the order of the system. Empty if there are none, or if the
   * file system does not support them.
   */
  listXattrs(target: NativeTarget): readonly string[];
  /** False if an open file has no extended attributes. */
  mayHaveXattrs(fd: number): boolean;
  /** The value; undefined if there is no such attribute (any more). */
  getXattr(target: NativeTarget, name: string): Buffer | undefined;
  setXattr(target: NativeTarget, name: string, value: Uint8Array): void;
  /** `mode` holds the type bits (`S_IFCHR`, `S_IFBLK`, `S_IFIFO`) and the permissions, which the umask cuts. */
  mknod(path: NativePath, mode: number, major: number, minor: number): void;
  /** Nanoseconds since the epoch, possibly negative. Without `atime` it is unchanged. */
  setTimes(target: NativeTarget, mtime: bigint, atime?: bigint): void;
  /** Exchanges two existing paths of one file system atomically. `EINVAL` or `ENOSYS` if the system cannot. */
  exchange(a: NativePath, b: NativePath): void;
  /** Returns the same object each time. */
  fstat(fd: number): NativeStat;
  /** Reads up to `length` bytes from a position of a file to an offset in the buffer; 0 only at the end of the file. */
  read(fd: number, buffer: Uint8Array, at: number, length: number, position: number): number;
  close(fd: number): void;
  /** All names in an open directory, at each call from the beginning. */
  readDirectory(fd: number): DirectoryNames;
  /**
   * Opens a path, below an open directory if one is given. `flags` as in `fs.constants`; the descriptor is close-on-exec
   * and works with `node:fs`.
   */
  openAt(dirFd: number | undefined, path: NativePath, flags: number, mode?: number): number;
}

/** What this system's C library offers; extended attributes are available whenever `Native` is. */
interface NativeCapabilities {
  readonly mknod: boolean;
  readonly exchange: boolean;
  /** `fstat` works. */
  readonly stat: boolean;
  /** `readDirectory` works. */
  readonly directories: boolean;
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const RENAME_EXCHANGE = 2;
const O_CLOEXEC = 0o2000000;
/** The kernel's limit of a list of names and of a value: 64 KiB. */
const XATTR_MAX = 65536;
const NO_NAMES: readonly string[] = [];
/** Architectures with a `timespec` of two 64-bit integers and little-endian structures. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64', 'riscv64', 'loong64'];

/** A C function; koffi checks the arguments against the prototype at run time. */
type CFunction = (...args: (number | bigint | string | Uint8Array | null)[]) => number;

interface CLibrary {
  func(prototype: string): CFunction;
}

interface Koffi {
  load(name: string | null): CLibrary;
  errno(): number;
}

let loaded: { readonly native: Native | undefined } | undefined;

/**
 * The native calls; undefined without koffi or on another platform. Loaded (about 10 ms) at the first call in each
 * thread; never throws.
 */
export function loadNative(): Native | undefined {
  loaded ??= { native: load() };
  return loaded.native;
}

function load(): Native | undefined {
  if (process.platform !== 'linux' || !ARCHITECTURES.includes(process.arch)) return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    for (const name of libraryNames()) {
      const native = tryLibrary(koffi, name);
      if (native !== undefined) return native;
    }
  } catch {
    // Not installed, or built for another system: callers report what they left out.
  }
  return undefined;
}

/** The C library: already loaded (null) in a dynamically linked Node, else by its names in glibc and musl. */
function libraryNames(): (string | null)[] {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch;
  return [null, 'libc.so.6', `libc.musl-${machine}.so.1`, `/lib/ld-musl-${machine}.so.1`];
}

function tryLibrary(koffi: Koffi, name: string | null): Native | undefined {
  try {
    return bind(koffi, koffi.load(name));
  } catch {
    return undefined;
  }
}

function bind(koffi: Koffi, lib: CLibrary): Native {
  const llistxattr = lib.func('intptr_t llistxattr(const void *, void *, size_t)');
  const flistxattr = lib.func('intptr_t flistxattr(int, void *, size_t)');
  const lgetxattr = lib.func('intptr_t lgetxattr(const void *, const void *, void *, size_t)');
  const fgetxattr = lib.func('intptr_t fgetxattr(int, const void *, void *, size_t)');
  const lsetxattr = lib.func('int lsetxattr(const void *, const void *, const void *, size_t, int)');
  const fsetxattr = lib.func('int fsetxattr(int, const void *, const void *, size_t, int)');
  const utimensat = lib.func('int utimensat(int, const void *, const void *, int)');
  const futimens = lib.func('int futimens(int, const void *)');
  const pread = lib.func('intptr_t pread(int, void *, size_t, int64_t)');
  const closeFd = lib.func('int close(int)');
  const getdents = optional(lib, 'intptr_t getdents64(int, void *, size_t)');
  const openat = lib.func('int openat(int, const void *, int, uint32_t)');
  const mknodat = bindMknod(lib);
  const statx = optional(lib, 'int statx(int, const void *, int, uint32_t, void *)');
  const renameat2 = optional(lib, 'int renameat2(int, const void *, int, const void *, uint32_t)');
  const scratch = Buffer.allocUnsafeSlow(XATTR_MAX) as Latin1Buffer;
  const stat = new StatxBuffer();

  const check = (syscall: string, result: number, path?: NativePath): void => {
    if (result !== 0) throw systemError(koffi.errno(), syscall, path);
  };
  /** Runs a call that fills `scratch`; undefined for errors that mean that there is nothing. */
  const fill = (syscall: string, result: number, path?: NativePath): number | undefined => {
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno === constants.errno.ENODATA || errno === constants.errno.ENOTSUP) return undefined;
    throw systemError(errno, syscall, path);
  };
  /** The result of a call that a signal may interrupt: then it is made again. */
  const retried = (call: () => number, syscall: string, path?: NativePath): number => {
    let result = call();
    while (result < 0) {
      const errno = koffi.errno();
      if (errno !== constants.errno.EINTR) throw systemError(errno, syscall, path);
      result = call();
    }
    return result;
  };
  const mayHaveXattrs = (fd: number): boolean => flistxattr(fd, null, 0) !== 0;
  const names = (length: number | undefined): readonly string[] =>
    length === undefined || length === 0 ? NO_NAMES : scratch.toString('latin1', 0, length - 1).split('\0');

  return {
    capabilities: {
      mknod: mknodat !== undefined,
      exchange: renameat2 !== undefined,
      stat: statx !== undefined,
      directories: getdents !== undefined,
    },
    // The length is asked for first: it is nearly always 0, and then the system allocates nothing.
    listXattrs(target) {
      if (typeof target === 'number') {
        return mayHaveXattrs(target) ? names(fill('flistxattr', flistxattr(target, scratch, XATTR_MAX))) : NO_NAMES;
      }
      const path = cString(target);
      if (llistxattr(path, null, 0) === 0) return NO_NAMES;
      return names(fill('llistxattr', llistxattr(path, scratch, XATTR_MAX), target));
    },
    mayHaveXattrs,
    getXattr(target, name) {
      const length =
        typeof target === 'number'
          ? fill('fgetxattr', fgetxattr(target, cName(name), scratch, XATTR_MAX))
          : fill('lgetxattr', lgetxattr(cString(target), cName(name), scratch, XATTR_MAX), target);
      return length === undefined ? undefined : Buffer.from(scratch.subarray(0, length));
    },
    setXattr(target, name, bytes) {
      if (typeof target === 'number') check('fsetxattr', fsetxattr(target, cName(name), bytes, bytes.length, 0));
      else check('lsetxattr', lsetxattr(cString(target), cName(name), bytes, bytes.length, 0), target);
    },
    mknod(path, mode, major, minor) {
      check('mknodat', there('mknodat', mknodat)(AT_FDCWD, cString(path), mode, major, minor), path);
    },
    setTimes(target, mtime, atime) {
      const times = timespecs(mtime, atime);
      if (typeof target === 'number') check('futimens', futimens(target, times));
      else check('utimensat', utimensat(AT_FDCWD, cString(target), times, AT_SYMLINK_NOFOLLOW), target);
    },
    exchange(a, b) {
      const rename = there('renameat2', renameat2);
      check('renameat2', rename(AT_FDCWD, cString(a), AT_FDCWD, cString(b), RENAME_EXCHANGE), a);
    },
    fstat(fd) {
      check('statx', there('statx', statx)(fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS, stat.bytes));
      return stat.read();
    },
    openAt(dirFd, path, flags, mode = 0) {
      const name = cString(path);
      return retried(() => openat(dirFd ?? AT_FDCWD, name, flags | O_CLOEXEC, mode), 'openat', path);
    },
    read(fd, buffer, at, length, position) {
      if (at < 0 || length < 0 || at + length > buffer.length) throw new RangeError('no such place in the buffer');
      const target = buffer.subarray(at, at + length);
      return retried(() => pread(fd, target, length, position), 'pread');
    },
    close: (fd) => check('close', closeFd(fd)),
    readDirectory(fd) {
      const call = there('getdents64', getdents);
      return readEntries(scratch, () => retried(() => call(fd, scratch, XATTR_MAX), 'getdents64'));
    },
  };
}

/** A function that some C libraries lack. */
function optional(lib: CLibrary, prototype: string): CFunction | undefined {
  try {
    return lib.func(prototype);
  } catch {
    return undefined;
  }
}

/** @throws an error with the code `ENOSYS` if the C library lacks the function */
function there<Call>(syscall: string, call: Call | undefined): Call {
  if (call === undefined) throw systemError(constants.errno.ENOSYS, syscall);
  return call;
}

type Mknod = (dirFd: number, path: string | Uint8Array, mode: number, major: number, minor: number) => number;

/** glibc before 2.33 exports `mknodat` only as `__xmknodat`, with a version and a pointer to the device number. */
function bindMknod(lib: CLibrary): Mknod | undefined {
  const mknodat = optional(lib, 'int mknodat(int, const void *, uint32_t, uint64_t)');
  if (mknodat !== undefined) {
    return (dirFd, path, mode, major, minor) => mknodat(dirFd, path, mode, deviceNumber(major, minor));
  }
  const xmknodat = optional(lib, 'int __xmknodat(int, int, const void *, uint32_t, const void *)');
  if (xmknodat === undefined) return undefined;
  return (dirFd, path, mode, major, minor) => {
    const device = Buffer.alloc(8);
    device.writeBigUInt64LE(deviceNumber(major, minor));
    return xmknodat(0, dirFd, path, mode, device);
  };
}
