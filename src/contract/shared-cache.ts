/** Content that machines share through a registry, by what proves it (`--cache-from`, `--cache-to`). */
import type { JobContext } from './session.ts';

/** Content that proves itself by its pin. */
export interface SharedContent {
  /** `body`: bytes by their digest. `git`: a pack with the objects of one commit or tag by its ID. */
  readonly kind: 'body' | 'git';
  /** The digest, which is shared if it is sha256; or the ID. */
  readonly pin: string;
  /** For messages, without secrets. */
  readonly what: string;
}

/** How shared content is received. */
export interface TakeOptions {
  /** An empty directory of the caller, who removes it. */
  readonly dir: string;
  /** The most that is received; default: the most that is ever shared. */
  readonly maxBytes?: number | undefined;
  /**
   * Uses a body, its digest verified, or verifies a pack; what it throws is a fault of the cache.
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
  /**
   * Whether content would be put into it.
   * @param secret as for `offer`
   */
  keeps(secret: boolean): boolean;
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
