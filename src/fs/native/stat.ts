/** What the kernel says of a file, read in place, and the numbers of devices. */

/** The members of `fs.Stats` under their names there; only valid until the next call. */
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

/** Where an empty path lies behind the structure, for who asks about an open file. */
export const EMPTY_PATH = 256;

/** `struct statx` of the kernel; places are of 4 bytes. Little-endian, as the systems are that the native calls know. */
export class StatxBuffer implements NativeStat {
  readonly bytes = new Uint8Array(EMPTY_PATH + 8);
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

  /** Takes over what the kernel has written. All at once: this is done so often that each call would count. */
  read(): this {
    const words = this.#words;
    this.nlink = words[4]!;
    this.uid = words[5]!;
    this.gid = words[6]!;
    this.mode = words[7]! & 0xffff;
    this.ino = words[9]! * 2 ** 32 + words[8]!;
    this.size = words[11]! * 2 ** 32 + words[10]!;
    // The sum that Node makes of seconds and nanoseconds, so that both compare.
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

/** `makedev` of glibc and musl, which is how Node shows device numbers too. */
export function deviceNumber(major: number, minor: number): bigint {
  const [x, y] = [BigInt(major), BigInt(minor)];
  return ((x & 0xfffff000n) << 32n) | ((x & 0xfffn) << 8n) | ((y & 0xffffff00n) << 12n) | (y & 0xffn);
}

/** The numbers in a file's `rdev`, as `makedev` put them together. */
export function splitDevice(rdev: number | bigint): { readonly major: number; readonly minor: number } {
  const device = BigInt(rdev);
  return {
    major: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
    minor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
  };
}
