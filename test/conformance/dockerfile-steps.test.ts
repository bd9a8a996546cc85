import { describe, expect, it } from 'vitest';
import { stepsOf } from '../../src/build/step/steps.ts';
import { stableJson } from '../../src/core/stable-json.ts';
import type { PlatformGraph, Vertex } from '../../src/dockerfile/graph/types.ts';
import { type BuildCaseInput, chainOf } from '../support/build-case.ts';
import { platformGraph } from '../support/platform-graph.ts';
import { vectors } from './vectors.ts';

interface Operation {
  readonly kind: Vertex['kind'] | 'result';
  readonly platform?: string;
  readonly inputs?: readonly string[];
  readonly op: Readonly<Record<string, unknown>> | null;
}

interface Result {
  readonly steps?: string;
  readonly ops?: readonly Operation[];
}

const file = vectors<BuildCaseInput, Result & { readonly results?: readonly Result[] }>('dockerfile');
const builds = file.cases.flatMap(({ name, input, expect: want }) =>
  (want.results ?? [want]).flatMap(({ steps, ops }) =>
    steps === undefined || ops === undefined ? [] : [{ name, input, steps, ops }],
  ),
);

/** BuildKit's operations as a graph. */
function graphOf(ops: readonly Operation[]): PlatformGraph {
  const inputs = ({ inputs = [] }: Operation) =>
    inputs.map((input) => {
      const [vertex, output] = input.split('.').map(Number);
      return { vertex: vertex!, output: output! };
    });
  const vertices = ops
    .slice(0, -1)
    .map((one) => ({ ...one, kind: one.kind as Vertex['kind'], op: one.op!, inputs: inputs(one), places: [] }));
  const result = inputs(ops.at(-1)!)[0];
  return platformGraph(vertices, result);
}

describe('BuildKit vectors: steps of dockerfile', () => {
  it('are described alike exactly where the cache keys of BuildKit are alike', async () => {
    const described = await Promise.all(
      builds.map(async ({ name, input, steps, ops }) => {
        const own = await stepsOf(graphOf(ops), async (source) => {
          // As in the vectors: an image stands for the chain of its layers, every other source for itself.
          return { key: chainOf(input, source) ?? String(source.op.identifier), ofFiles: false };
        });
        return { name, steps, own: stableJson({ steps: own.steps, result: own.result }) };
      }),
    );
    expect(described.length).toBeGreaterThan(200);
    const wrong = described.flatMap((a, index) =>
      described
        .slice(index + 1)
        .flatMap((b) => ((a.steps === b.steps) === (a.own === b.own) ? [] : [[a.name, b.name]])),
    );
    expect(wrong).toEqual([]);
  });
});
