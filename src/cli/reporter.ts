import type { Progress } from '../core/progress.ts';

/** A sink of progress events that shows them on stderr, and can be stopped. */
export interface Reporter extends Progress {
  close(): void;
}
