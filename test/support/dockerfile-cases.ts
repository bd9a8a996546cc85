/** The cases of the vectors of BuildKit's front end, by name; of the pairs both sides, `NAME.a` and `NAME.b`. */
import { vectors } from '../conformance/vectors.ts';
import type { BuildCaseInput } from './build-case.ts';

interface Pair {
  readonly name: string;
  readonly a: BuildCaseInput;
  readonly b: BuildCaseInput;
}

export function dockerfileCases(): ReadonlyMap<string, BuildCaseInput> {
  const single = vectors<BuildCaseInput, unknown>('dockerfile').cases;
  const pairs = vectors<never, never>('dockerfile-pairs').cases as unknown as readonly Pair[];
  return new Map([
    ...single.map(({ name, input }) => [name, input] as const),
    ...pairs.flatMap(({ name, a, b }) => [[`${name}.a`, a] as const, [`${name}.b`, b] as const]),
  ]);
}
