import type { Bench } from './bench.ts';

/** One thing that is tried, on a bench of its own. */
export interface Check {
  readonly rule: number;
  readonly name: string;
  /** Name of a check whose failure would be this one's too: then this one says nothing. */
  readonly after?: string;
  /** Throws `BrokenRule` with what is wrong, or `Skipped` with why it cannot be tried. */
  readonly run: (bench: Bench) => Promise<void>;
}

/** A check that does not apply to the source. */
export class Skipped extends Error {}

export function skipCheck(why: string): never {
  throw new Skipped(why);
}
