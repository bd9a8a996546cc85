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

/** `struct statx` of the kernel; places are of 4 bytes. Little-endian, as the systems are that the native calls know. */
export class StatxBuffer implements NativeStat {
  readonly bytes = new Uint8Array(256);
  readonly #words = new Uint32Array(this.bytes.buffer);

  get nlink(): number {
    return this.#words[4]!;
  }
  get uid(): number {
    return this.#words[5]!;
  }
  get gid(): number {
    return this.#words[6]!;
  }
  get mode(): number {
    return this.#words[7]! & 0xffff;
  }
  get ino(): number {
    return this.#wide(8);
  }
  get size(): number {
    return this.#wide(10);
  }
  get ctimeMs(): number {
    return this.#time(24);
  }
  get mtimeMs(): number {
    return this.#time(28);
  }
  get rdev(): number {
    return this.#device(32);
  }
  get dev(): number {
    return this.#device(34);
  }

  #wide(at: number): number {
    return this.#words[at + 1]! * 2 ** 32 + this.#words[at]!;
  }

  /** The sum that Node makes of seconds and nanoseconds, so that both compare. */
  #time(at: number): number {
    const seconds = (this.#words[at + 1]! | 0) * 2 ** 32 + this.#words[at]!;
    return seconds * 1000 + this.#words[at + 2]! / 1_000_000;
  }

  #device(at: number): number {
    const major = this.#words[at]!;
    const minor = this.#words[at + 1]!;
    if (major < 0x1000 && minor < 0x100) return major * 0x100 + minor;
    return Number(deviceNumber(major, minor));
  }
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
