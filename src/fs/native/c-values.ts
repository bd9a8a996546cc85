/** Values as the C library takes them, and its errors as Node's. */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** A path as text, or as its bytes. */
export type NativePath = string | Uint8Array;

const UTIME_OMIT = 0x3ffffffen;
const SECOND = 1_000_000_000n;

/** Two `timespec`: the access time, unchanged if absent, and the time of the last change. */
export function timespecs(mtime: bigint, atime: bigint | undefined): Buffer {
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
export function cString(path: NativePath): string | Uint8Array {
  if (path.length === 0) throw systemError(constants.errno.ENOENT, 'path', path);
  if (typeof path === 'string') {
    if (path.includes('\0')) throw systemError(constants.errno.EINVAL, 'path', path);
    return path;
  }
  if (path.includes(0)) throw systemError(constants.errno.EINVAL, 'path', path);
  const bytes = new Uint8Array(path.length + 1);
  bytes.set(path);
  return bytes;
}

/** The name of an extended attribute from a byte string, as `listXattrs` returns it. */
export function cName(name: string): string | Uint8Array {
  return cString(Buffer.from(name, 'latin1'));
}

export function systemError(errno: number, syscall: string, path?: NativePath): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const name = path === undefined ? '' : ` '${typeof path === 'string' ? path : Buffer.from(path).toString()}'`;
  return Object.assign(new Error(`${code}: ${syscall}${name}`), { code, errno: -errno, syscall });
}
