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

/** `struct statx` of the kernel. */
export class StatxBuffer implements NativeStat {
  readonly bytes = Buffer.alloc(256);
  readonly #view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);

  get nlink(): number {
    return this.#view.getUint32(16, true);
  }
  get uid(): number {
    return this.#view.getUint32(20, true);
  }
  get gid(): number {
    return this.#view.getUint32(24, true);
  }
  get mode(): number {
    return this.#view.getUint16(28, true);
  }
  get ino(): number {
    return this.#wide(32);
  }
  get size(): number {
    return this.#wide(40);
  }
  get ctimeMs(): number {
    return this.#time(96);
  }
  get mtimeMs(): number {
    return this.#time(112);
  }
  get rdev(): number {
    return this.#device(128);
  }
  get dev(): number {
    return this.#device(136);
  }

  #wide(at: number): number {
    return this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  /** The sum that Node makes of seconds and nanoseconds, so that both compare. */
  #time(at: number): number {
    const seconds = this.#view.getInt32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
    return seconds * 1000 + this.#view.getUint32(at + 8, true) / 1_000_000;
  }

  #device(at: number): number {
    const [major, minor] = [this.#view.getUint32(at, true), this.#view.getUint32(at + 4, true)];
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
