/** A context of a bake or compose file and its position. */
export interface FoundContext {
  /** For people: `the target web`. */
  readonly where: string;
  readonly name: string;
  /** The value with its escapes resolved. */
  readonly value: string;
}
