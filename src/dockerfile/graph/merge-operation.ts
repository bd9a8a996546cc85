/** BuildKit's merge: several trees, one above the other. */
import { type Operation, type Output, present } from './operation.ts';
import type { Place } from './types.ts';

/** Empty trees do not count; of a single tree nothing is made. */
export function mergeOperation(trees: readonly (Output | undefined)[], places: readonly Place[]): Output | undefined {
  const inputs = trees.filter((tree) => tree !== undefined);
  if (inputs.length < 2) return inputs[0];
  const operation: Operation = {
    kind: 'merge',
    places,
    sources: inputs,
    describe: (input) => ({ op: { inputs: inputs.map((tree) => present({ input: input(tree) })) } }),
  };
  return { operation, index: 0 };
}
