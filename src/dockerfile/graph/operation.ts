/** One operation of a build while the graph is made, and what refers to it. */
import type { Place, Vertex } from './types.ts';

/** The files that an operation gives. Undefined instead of one: an empty directory. */
export interface Output {
  readonly operation: Operation;
  readonly index: number;
}

/** The position of an output among the inputs of the operation that is described; -1 for an empty directory. */
export type InputPosition = (output: Output | undefined) => number;

export interface Operation {
  readonly kind: Vertex['kind'];
  readonly platform?: string | undefined;
  readonly places: readonly Place[];
  /** What it is made of, in the order in which BuildKit writes the operations down. */
  readonly sources: readonly (Output | undefined)[];
  /** Its JSON. The inputs are numbered in the order in which `input` is first called for them. */
  describe(input: InputPosition): Pick<Vertex, 'op' | 'attrs'>;
}

/** The members that have a value: Go leaves out what is false, zero, empty or absent. */
export function present(members: object): Readonly<Record<string, unknown>> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(members)) {
    if (!isZero(value)) kept[name] = value;
  }
  return kept;
}

function isZero(value: unknown): boolean {
  return (
    value === undefined ||
    value === '' ||
    value === 0 ||
    value === false ||
    (Array.isArray(value) && value.length === 0)
  );
}
