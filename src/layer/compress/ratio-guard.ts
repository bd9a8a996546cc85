import { CtxsrcError } from '../../core/errors.ts';

/** Output up to this size is never a bomb, however small its input. */
const RATIO_GRACE = 64 << 20;

/** Refuses output out of proportion to its input. */
export class RatioGuard {
  readonly #maxRatio: number;

  /** @param maxRatio as `WriteLimits.maxRatio` */
  constructor(maxRatio: number) {
    this.#maxRatio = maxRatio;
  }

  /** @throws CtxsrcError `E_LIMIT` */
  check(input: number, output: number): void {
    if (output <= RATIO_GRACE || output <= input * this.#maxRatio) return;
    throw new CtxsrcError('E_LIMIT', `what is packed unpacks to more than ${this.#maxRatio} times its size`, {
      hint: 'it looks like a decompression bomb; if it holds large empty files, say how much may come: --max-bytes 10GiB',
    });
  }
}
