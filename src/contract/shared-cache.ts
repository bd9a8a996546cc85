/** Content that machines share through a registry, by what proves it (`--cache-from`, `--cache-to`). */
import type { Digest } from '../core/digest.ts';
import type { JobContext } from './session.ts';

/** Bytes that prove themselves by their digest. */
export interface SharedContent {
  /** The digest; one that is not sha256 is not shared. */
  readonly pin: Digest;
  /** For messages, without secrets. */
  readonly what: string;
}

/** How shared content is received. */
export interface TakeOptions {
  /** An empty directory of the caller, who removes it. */
  readonly dir: string;
  /** The most that is received. */
  readonly maxBytes: number;
  /**
   * Uses what was received, its digest verified; what it throws is a fault of the cache.
   * @param job ends with the time that the cache is given
   */
  accept(job: JobContext, path: string): Promise<void>;
}

/** How content is handed over. */
export interface OfferOptions {
  /** It was fetched with a credential, or may have been. */
  readonly secret: boolean;
  /** Makes the file with the bytes; called only for content that the cache lacks. */
  file(): Promise<string>;
}

/** A cache outside this machine. It never fails a job, unless that is strict. */
export interface SharedCache {
  /** Whether content may come from it. */
  readonly reads: boolean;
  /** Whether content is put into it. */
  readonly writes: boolean;
  /**
   * Receives content, if the cache has it.
   * @returns false if the content has to come from its origin
   */
  take(job: JobContext, content: SharedContent, options: TakeOptions): Promise<boolean>;
  /** Puts content there that came from its origin in this run. Content that came from the cache stays as it is. */
  offer(job: JobContext, content: SharedContent, options: OfferOptions): Promise<void>;
  /** Closes its connections. */
  close(): Promise<void>;
}
