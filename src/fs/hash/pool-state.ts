/** What the threads that hash files tell each other, beside the rows themselves. */
import type { ByteString } from '../byte-string.ts';
import type { DigestTask } from './file-digester.ts';

/** Words of the shared memory. Grows when there may be something new to do. */
export const VERSION = 0;
/** 1 when no more rows come. */
export const ENDED = 1;
/** 1 when an extended attribute could not be read. */
export const INCOMPLETE = 2;
/** KiB read. */
export const HASHED = 3;
/** 1 when nothing more shall be read. */
export const STOPPED = 4;
/** Files read. */
export const HASHED_FILES = 5;
export const WORDS = 6;

/**
 * How a thread begins. Chunks of rows come as messages; its one answer is undefined when all are read or it was stopped,
 * or a failure.
 */
export interface CrewData {
  readonly task: DigestTask;
  readonly control: Int32Array;
}

export interface ReadFailure {
  readonly path: ByteString;
  readonly code: string | undefined;
  readonly message: string;
}
