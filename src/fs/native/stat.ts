/** The kernel's facts about a file, read in place, and device numbers. */

/** The members of `fs.Stats` under their names there; valid until the next call. */
export interface NativeStat {
  readonly mode: number;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly dev: number;
  readonly ino: number;
  readonly rdev: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** `struct statx` of the kernel; offsets are in units of 4 bytes. Little-endian, like all systems with native calls. */
export class StatxBuffer implements NativeStat {
  readonly bytes = new Uint8Array(256);
  readonly #words = new Uint32Array(this.bytes.buffer);
  mode = 0;
  size = 0;
  uid = 0;
  gid = 0;
  nlink = 0;
  dev = 0;
  ino = 0;
  rdev = 0;
  mtimeMs = 0;
  ctimeMs = 0;

  /** Copies the fields that the kernel wrote. All in one function, because calls would be noticeable here. */
  read(): this {
    const words = this.#words;
    this.nlink = words[4]!;
    this.uid = words[5]!;
    this.gid = words[6]!;
    this.mode = words[7]! & 0xffff;
    this.ino = words[9]! * 2 ** 32 + words[8]!;
    this.size = words[11]! * 2 ** 32 + words[10]!;
    // Node's own sum of seconds and nanoseconds, so that both results compare equal.
    this.ctimeMs = ((words[25]! | 0) * 2 ** 32 + words[24]!) * 1000 + words[26]! / 1_000_000;
    this.mtimeMs = ((words[29]! | 0) * 2 ** 32 + words[28]!) * 1000 + words[30]! / 1_000_000;
    this.rdev = device(words[32]!, words[33]!);
    this.dev = device(words[34]!, words[35]!);
    return this;
  }
}

function device(major: number, minor: number): number {
  return major < 0x1000 && minor < 0x100 ? major * 0x100 + minor : Number(deviceNumber(major, minor));
}

/** `makedev` of glibc and musl; Node encodes device numbers in the same way. */
export function deviceNumber(major: number, minor: number): bigint {
  const [x, y] = [BigInt(major), BigInt(minor)];
  return ((x & 0xfffff000n) << 32n) | ((x & 0xfffn) << 8n) | ((y & 0xffffff00n) << 12n) | (y & 0xffn);
}

/** The `major:minor` of a file's `rdev`, the inverse of `makedev`. */
export function deviceOf(rdev: number | bigint): string {
  const device = BigInt(rdev);
  const major = ((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn);
  const minor = ((device >> 12n) & 0xffffff00n) | (device & 0xffn);
  return `${major}:${minor}`;
}
