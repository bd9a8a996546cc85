import { CtxsrcError } from '../../core/errors.ts';

/** Output up to this size is never a bomb, however small its input. */
const RATIO_GRACE = 64 << 20;

/** Counts what is decompressed, and refuses output out of proportion to its input. */
export class RatioGuard {
  readonly #maxRatio: number;
  /** Compressed bytes so far. */
  input = 0;
  #output = 0;

  /** @param maxRatio as `WriteLimits.maxRatio` */
  constructor(maxRatio: number) {
    this.#maxRatio = maxRatio;
  }

  /** @throws CtxsrcError `E_LIMIT` */
  made(bytes: number): void {
    this.#output += bytes;
    if (this.#output <= RATIO_GRACE || this.#output <= this.input * this.#maxRatio) return;
    throw new CtxsrcError('E_LIMIT', `what is packed unpacks to more than ${this.#maxRatio} times its size`, {
      hint: 'it looks like a decompression bomb; if it holds large empty files, say how much may come: --max-bytes 10GiB',
    });
  }
}
