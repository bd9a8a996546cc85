import type { Progress } from '../../core/progress.ts';

/** A destination of lines for a person. */
export interface LineSink {
  write(text: string): unknown;
}

/** A sink of progress events that shows them on stderr, and can be stopped. */
export interface Reporter extends Progress {
  /** Called before the answer is written, perhaps to the same terminal: the view is erased. */
  makeRoom?(): void;
  close?(): void;
}
