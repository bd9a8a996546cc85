/** Limits on how much of a source may be read, and the count against them. */
import { CtxsrcError } from './errors.ts';

/** The most that a job may read of one source. Absent: no limit. */
export interface ReadLimits {
  /** Bytes: of a download, or of all files of a tree. */
  readonly maxBytes?: number | undefined;
  /** Number of entries of a tree: files, directories and all others. */
  readonly maxFiles?: number | undefined;
}

/** The defaults of `--max-bytes` and `--max-files` where a source is received or written. */
export const DEFAULT_MAX_BYTES = 64 * 1024 ** 3;
export const DEFAULT_MAX_FILES = 5_000_000;

/**
 * Decompressed bytes allowed per compressed byte. Unlimited when `--max-bytes` is given, as that bounds the result:
 * large empty files (`/var/log/lastlog`, disk images) compress to almost nothing.
 */
export function maxRatio(maxBytes: number | undefined): number {
  return maxBytes === undefined ? 1_000 : Number.POSITIVE_INFINITY;
}

/**
 * The error for too many bytes.
 * @param what for the message, printable
 * @param size if it is known
 */
export function tooManyBytes(what: string, maxBytes: number, size?: number): CtxsrcError {
  const has = size === undefined ? '' : ` (it has ${size})`;
  return new CtxsrcError('E_LIMIT', `${what} has more than ${maxBytes} bytes${has}`, {
    hint: 'allow more with --max-bytes',
    details: { limit: maxBytes, ...(size === undefined ? {} : { size }) },
  });
}

export class ReadBudget {
  readonly #limits: ReadLimits;
  readonly #what: string;
  #files = 0;
  #bytes = 0;

  /** @param what for the message, printable: `./app` */
  constructor(limits: ReadLimits = {}, what: string) {
    this.#limits = limits;
    this.#what = what;
  }

  /**
   * Counts files and bytes before they are read.
   * @throws CtxsrcError `E_LIMIT` when the limit is exceeded
   */
  spend(files: number, bytes: number): void {
    this.#files += files;
    this.#bytes += bytes;
    const { maxFiles, maxBytes } = this.#limits;
    if (maxFiles !== undefined && this.#files > maxFiles) {
      throw new CtxsrcError('E_LIMIT', `${this.#what} has more than ${maxFiles} files and directories`, {
        hint: 'leave some out with an ignore file or --exclude, or allow more with --max-files',
      });
    }
    if (maxBytes !== undefined && this.#bytes > maxBytes) {
      throw new CtxsrcError('E_LIMIT', `the files of ${this.#what} have more than ${maxBytes} bytes`, {
        hint: 'leave some out with an ignore file or --exclude, or allow more with --max-bytes',
      });
    }
  }
}
