/** How much of a source may be read, and the count of what was. */
import { CtxsrcError } from './errors.ts';

/** The most that a job reads of one source. Absent: as much as there is. */
export interface ReadLimits {
  /** Bytes: of a download, or of all files of a tree. */
  readonly maxBytes?: number | undefined;
  /** Files, directories and whatever else a tree has. */
  readonly maxFiles?: number | undefined;
}

/** What `--max-bytes` and `--max-files` are unless given, where a source is received or written. */
export const DEFAULT_MAX_BYTES = 64 * 1024 ** 3;
export const DEFAULT_MAX_FILES = 5_000_000;

/**
 * Bytes that a compressed byte may become. Where it was said how many bytes may come, that is what bounds them: large
 * empty files (`/var/log/lastlog`, disk images) are packed into next to nothing.
 */
export function maxRatio(maxBytes: number | undefined): number {
  return maxBytes === undefined ? 1_000 : Number.POSITIVE_INFINITY;
}

/**
 * The error for what has too many bytes.
 * @param what for the message, printable
 * @param size where it is known
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
   * Counts what is about to be read.
   * @throws CtxsrcError `E_LIMIT` when it is more than is allowed
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
