/** Content that machines share through a registry, by what proves it (`--cache-from`, `--cache-to`). */
import type { JobContext } from './session.ts';

/** Something that proves itself by its pin. */
export interface SharedContent {
  /** `body`: the pin is the digest of the bytes. `git`: the pin is an object ID, the bytes are a pack with all of it. */
  readonly kind: 'body' | 'git';
  /** Digest, or object ID. */
  readonly pin: string;
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
   * Verifies and uses what was received; what it throws says that the cache lied. The digest of a body has been
   * verified before.
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
