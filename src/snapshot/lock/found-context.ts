/** Shared by the readers of bake and compose files. */

/** Ends parsing with an error. */
export type Fail = (what: string) => never;

/** A context and its position. */
export interface FoundContext {
  /** For people: `the target web`. */
  readonly where: string;
  readonly name: string;
  /** The value with its escapes resolved. */
  readonly value: string;
}
