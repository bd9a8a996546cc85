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
import { constants as osConstants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Latin1Buffer } from '../byte-string.ts';
import { type DirectoryNames, readEntries } from './directory.ts';
import { deviceNumber, type NativeStat, StatxBuffer } from './stat.ts';

/** A path as text, or as its bytes. */
export type NativePath = string | Uint8Array;

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
  listXattrs(path: NativePath): readonly string[];
  listXattrsFd(fd: number): readonly string[];
  /** False if an open file has no extended attributes. */
  mayHaveXattrs(fd: number): boolean;
  /** The value; undefined if there is no such attribute (any more). */
  getXattr(path: NativePath, name: string): Buffer | undefined;
  getXattrFd(fd: number, name: string): Buffer | undefined;
  setXattr(path: NativePath, name: string, value: Uint8Array): void;
  setXattrFd(fd: number, name: string, value: Uint8Array): void;
  /** `mode` holds the type bits (`S_IFCHR`, `S_IFBLK`, `S_IFIFO`) and the permissions, which the umask cuts. */
  mknod(path: NativePath, mode: number, major: number, minor: number): void;
  /** Nanoseconds since the epoch, possibly negative. Without `atime` it is unchanged. */
  setTimes(path: NativePath, mtime: bigint, atime?: bigint): void;
  setTimesFd(fd: number, mtime: bigint, atime?: bigint): void;
  /** Exchanges two existing paths of one file system atomically. `EINVAL` or `ENOSYS` if the system cannot. */
  exchange(a: NativePath, b: NativePath): void;
  /**
   * `lstat` with two thirds of the time of Node's and no garbage, for trees of many files. Undefined if there is no
   * such entry. Returns the same object each time.
   */
  lstat(path: NativePath): NativeStat | undefined;
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
  /** `lstat` and `fstat` work. */
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
const UTIME_OMIT = 0x3ffffffen;
/** The kernel's limit of a list of names and of a value: 64 KiB. */
const XATTR_MAX = 65536;
const SECOND = 1_000_000_000n;
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

  const fail = (syscall: string, path?: NativePath): never => {
    throw systemError(koffi.errno(), syscall, path);
  };
  /** Runs a call that fills `scratch`; undefined for errors that mean that there is nothing. */
  const fill = (syscall: string, result: number, path?: NativePath): number | undefined => {
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno === osConstants.errno.ENODATA || errno === osConstants.errno.ENOTSUP) return undefined;
    throw systemError(errno, syscall, path);
  };
  /** The result of a call that a signal may interrupt: then it is made again. */
  const retried = (call: () => number, syscall: string, path?: NativePath): number => {
    let result = call();
    while (result < 0) {
      if (koffi.errno() !== osConstants.errno.EINTR) return fail(syscall, path);
      result = call();
    }
    return result;
  };
  const mayHaveXattrs = (fd: number): boolean => flistxattr(fd, null, 0) !== 0;
  const names = (length: number | undefined): readonly string[] =>
    length === undefined || length === 0 ? NO_NAMES : scratch.toString('latin1', 0, length - 1).split('\0');
  const value = (length: number | undefined): Buffer | undefined =>
    length === undefined ? undefined : Buffer.from(scratch.subarray(0, length));

  return {
    capabilities: {
      mknod: mknodat !== undefined,
      exchange: renameat2 !== undefined,
      stat: statx !== undefined,
      directories: getdents !== undefined,
    },
    // The length is asked for first: it is nearly always 0, and then the system allocates nothing.
    listXattrs(path) {
      const name = cString(path);
      if (llistxattr(name, null, 0) === 0) return NO_NAMES;
      return names(fill('llistxattr', llistxattr(name, scratch, XATTR_MAX), path));
    },
    listXattrsFd(fd) {
      if (!mayHaveXattrs(fd)) return NO_NAMES;
      return names(fill('flistxattr', flistxattr(fd, scratch, XATTR_MAX)));
    },
    mayHaveXattrs,
    getXattr: (path, name) => value(fill('lgetxattr', lgetxattr(cString(path), cName(name), scratch, XATTR_MAX), path)),
    getXattrFd: (fd, name) => value(fill('fgetxattr', fgetxattr(fd, cName(name), scratch, XATTR_MAX))),
    setXattr(path, name, bytes) {
      if (lsetxattr(cString(path), cName(name), bytes, bytes.length, 0) !== 0) fail('lsetxattr', path);
    },
    setXattrFd(fd, name, bytes) {
      if (fsetxattr(fd, cName(name), bytes, bytes.length, 0) !== 0) fail('fsetxattr');
    },
    mknod(path, mode, major, minor) {
      if (mknodat === undefined) throw systemError(osConstants.errno.ENOSYS, 'mknodat', path);
      if (mknodat(AT_FDCWD, cString(path), mode, major, minor) !== 0) fail('mknodat', path);
    },
    setTimes(path, mtime, atime) {
      const times = timespecs(mtime, atime);
      if (utimensat(AT_FDCWD, cString(path), times, AT_SYMLINK_NOFOLLOW) !== 0) fail('utimensat', path);
    },
    setTimesFd(fd, mtime, atime) {
      if (futimens(fd, timespecs(mtime, atime)) !== 0) fail('futimens');
    },
    exchange(a, b) {
      if (renameat2 === undefined) throw systemError(osConstants.errno.ENOSYS, 'renameat2', a);
      if (renameat2(AT_FDCWD, cString(a), AT_FDCWD, cString(b), RENAME_EXCHANGE) !== 0) fail('renameat2', a);
    },
    lstat(path) {
      if (statx === undefined) throw systemError(osConstants.errno.ENOSYS, 'statx', path);
      if (statx(AT_FDCWD, cString(path), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.bytes) === 0) return stat.read();
      return koffi.errno() === osConstants.errno.ENOENT ? undefined : fail('statx', path);
    },
    fstat(fd) {
      if (statx === undefined) throw systemError(osConstants.errno.ENOSYS, 'statx');
      if (statx(fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS, stat.bytes) !== 0) fail('statx');
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
    close(fd) {
      if (closeFd(fd) !== 0) fail('close');
    },
    readDirectory(fd) {
      if (getdents === undefined) throw systemError(osConstants.errno.ENOSYS, 'getdents64');
      return readEntries(scratch, () => retried(() => getdents(fd, scratch, XATTR_MAX), 'getdents64'));
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

function timespecs(mtime: bigint, atime: bigint | undefined): Buffer {
  const times = Buffer.alloc(32);
  if (atime === undefined) times.writeBigInt64LE(UTIME_OMIT, 8);
  else writeTimespec(times, 0, atime);
  writeTimespec(times, 16, mtime);
  return times;
}

function writeTimespec(target: Buffer, offset: number, time: bigint): void {
  // The seconds of times before 1970 are negative, but their nanoseconds are always positive.
  const nanoseconds = ((time % SECOND) + SECOND) % SECOND;
  target.writeBigInt64LE((time - nanoseconds) / SECOND, offset);
  target.writeBigInt64LE(nanoseconds, offset + 8);
}

/** A path with a NUL at its end; a NUL inside would silently name another file. koffi terminates text itself. */
function cString(path: NativePath): string | Uint8Array {
  if (path.length === 0) throw systemError(osConstants.errno.ENOENT, 'path', path);
  if (typeof path === 'string') {
    if (path.includes('\0')) throw systemError(osConstants.errno.EINVAL, 'path', path);
    return path;
  }
  if (path.includes(0)) throw systemError(osConstants.errno.EINVAL, 'path', path);
  const bytes = new Uint8Array(path.length + 1);
  bytes.set(path);
  return bytes;
}

/** The name of an extended attribute from a byte string, as `listXattrs` returns it. */
function cName(name: string): string | Uint8Array {
  return cString(Buffer.from(name, 'latin1'));
}

function systemError(errno: number, syscall: string, path?: NativePath): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const name = path === undefined ? '' : ` '${typeof path === 'string' ? path : Buffer.from(path).toString()}'`;
  return Object.assign(new Error(`${code}: ${syscall}${name}`), { code, errno: -errno, syscall });
}
