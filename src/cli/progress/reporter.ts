import type { Progress } from '../../core/progress.ts';

/** What takes lines for a person. */
export interface LineSink {
  write(text: string): unknown;
}

/** A sink of progress events that shows them on stderr, and can be stopped. */
export interface Reporter extends Progress {
  /** The answer is about to be written, perhaps to the same terminal: what is drawn there makes room for it. */
  makeRoom(): void;
  close(): void;
}
