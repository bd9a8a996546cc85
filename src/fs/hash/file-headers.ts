/** Headers of files, written directly before their content. */
import type { Latin1Buffer } from '../byte-string.ts';
import { entryHeader } from '../entry/header.ts';

const ZERO = 0x30;

/** Headers of files without extended attributes: nearly always only the size differs from the one before. */
export class FileHeaders {
  readonly #buffer: Latin1Buffer;
  readonly #end: number;
  #mode = -1;
  #uid = -1;
  #gid = -1;
  /** The text before the size. */
  #before = '';
  /** Where the size ends, and how many digits the last size had. */
  #sizeEnd = 0;
  #digits = 0;

  /** @param end where headers end; nothing else may be written before it */
  constructor(buffer: Latin1Buffer, end: number) {
    this.#buffer = buffer;
    this.#end = end;
  }

  /**
   * Writes what `entryHeader` gives for a file.
   * @returns the offset of the header
   */
  write(mode: number, uid: number, gid: number, size: number): number {
    if (mode !== this.#mode || uid !== this.#uid || gid !== this.#gid) this.#begin(mode, uid, gid);
    let at = this.#sizeEnd;
    let left = size;
    do {
      at -= 1;
      this.#buffer[at] = ZERO + (left % 10);
      left = Math.floor(left / 10);
    } while (left > 0);
    const start = at - this.#before.length;
    const digits = this.#sizeEnd - at;
    if (digits !== this.#digits) this.#buffer.latin1Write(this.#before, start);
    this.#digits = digits;
    return start;
  }

  #begin(mode: number, uid: number, gid: number): void {
    const [before, after] = entryHeader({ type: 'file', mode, uid, gid, size: 0 }).split('size0') as [string, string];
    this.#before = `${before}size`;
    this.#sizeEnd = this.#end - after.length;
    this.#buffer.latin1Write(after, this.#sizeEnd);
    this.#digits = 0;
    this.#mode = mode;
    this.#uid = uid;
    this.#gid = gid;
  }
}
