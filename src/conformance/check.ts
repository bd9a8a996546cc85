import type { Bench } from './bench.ts';

/** One check, with a bench of its own. */
export interface Check {
  readonly rule: number;
  readonly name: string;
  /** Name of a check whose failure would also fail this one: then this one is skipped. */
  readonly after?: string;
  /** Throws `BrokenRule` with the fault, or `Skipped` with the reason. */
  readonly run: (bench: Bench) => Promise<void>;
}

/** A check that does not apply to the source. */
export class Skipped extends Error {}

export function skipCheck(why: string): never {
  throw new Skipped(why);
}
