/** The state that hash threads share, beside the rows. */
import type { DigestTask } from './file-digester.ts';

/** Indices of words in the shared memory. `VERSION` is incremented when there may be new work. */
export const VERSION = 0;
/** 1 when no more rows will be added. */
export const ENDED = 1;
/** 1 when an extended attribute could not be read. */
export const INCOMPLETE = 2;
/** KiB read. */
export const HASHED = 3;
/** 1 when the threads should stop. */
export const STOPPED = 4;
/** Number of files read. */
export const HASHED_FILES = 5;
export const WORDS = 6;

/** The start data of a thread. Chunks of rows follow as messages. The thread ends when all rows are read or it is stopped. */
export interface HashThreadData {
  readonly task: DigestTask;
  readonly control: Int32Array;
}
