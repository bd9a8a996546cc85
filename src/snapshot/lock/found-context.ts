/** What the readers of bake and compose files have in common. */

/** Ends the reading with what is wrong. */
export type Fail = (what: string) => never;

/** A context where it was found. */
export interface FoundContext {
  /** For people: `the target web`. */
  readonly where: string;
  readonly name: string;
  /** As the file means it, escapes undone. */
  readonly value: string;
}
