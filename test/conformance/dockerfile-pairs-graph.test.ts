/** Both sides of every pair: the configuration byte for byte, and the same operations where BuildKit has the same. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { encodeGoJson, type GoValue } from '../../src/core/go/json-encode.ts';
import type { BuildGraph, PlatformGraph } from '../../src/dockerfile/graph/types.ts';
import { type BuildCaseInput, graphOfCase } from '../support/build-case.ts';
import { vectors } from './vectors.ts';

interface Digests {
  readonly llb?: string;
  readonly config?: string;
  readonly error?: string;
  readonly results?: readonly Digests[];
}

interface Case {
  readonly name: string;
  readonly input: BuildCaseInput;
  readonly expect: Digests;
}

const single = vectors<BuildCaseInput, Digests>('dockerfile').cases;
const pairs = vectors<never, Readonly<Record<'a' | 'b', Digests>>>('dockerfile-pairs')
  .cases as unknown as readonly (Readonly<Record<'a' | 'b', BuildCaseInput>> & {
  readonly name: string;
  readonly expect: Readonly<Record<'a' | 'b', Digests>>;
})[];
const sides: readonly Case[] = pairs.flatMap(({ name, a, b, expect: want }) => [
  { name: `${name}, a`, input: a, expect: want.a },
  { name: `${name}, b`, input: b, expect: want.b },
]);

const graphs = new Map<BuildCaseInput, Promise<BuildGraph>>();

/** Made once for all tests of this file. */
function graphOf(input: BuildCaseInput): Promise<BuildGraph> {
  const graph = graphs.get(input) ?? graphOfCase(input);
  graphs.set(input, graph);
  return graph;
}

/** The digests of each platform: pairs have them side by side, single cases as a list. */
function eachOf(want: Digests, member: 'llb' | 'config'): readonly string[] {
  return (want.results ?? [want]).flatMap((result) => result[member]?.split(' ') ?? []);
}

/** What BuildKit's digest of the last operation stands for. */
function operationsOf({ vertices, result }: PlatformGraph): string {
  return JSON.stringify([vertices.map(({ places: _, ...vertex }) => vertex), result]);
}

describe('BuildKit vectors: dockerfile-pairs, each side', () => {
  it.each(sides)('$name', async ({ input, expect: want }) => {
    const built = await graphOf(input).catch((error: Error) => error);
    if (want.error !== undefined) {
      expect(built).toBeInstanceOf(Error);
      return;
    }
    if (built instanceof Error) throw built;
    if (eachOf(want, 'config').length === 0) return;
    const configs = built.results.map(({ imageConfig }) => sha256(encodeGoJson(imageConfig as GoValue)));
    expect(configs).toEqual(eachOf(want, 'config'));
  });
});

describe('BuildKit vectors: dockerfile and dockerfile-pairs', () => {
  it('has the same operations exactly where BuildKit has the same', async () => {
    const ours = new Map<string, string>();
    const theirs = new Map<string, string>();
    for (const { name, input, expect: want } of [...single, ...sides]) {
      if (want.error !== undefined || eachOf(want, 'llb').length === 0) continue;
      const { results } = await graphOf(input);
      for (const [index, llb] of eachOf(want, 'llb').entries()) {
        const operations = operationsOf(results[index]!);
        expect([name, ours.get(llb) ?? operations]).toEqual([name, operations]);
        expect([name, theirs.get(operations) ?? llb]).toEqual([name, llb]);
        ours.set(llb, operations);
        theirs.set(operations, llb);
      }
    }
    expect(ours.size).toBeGreaterThan(400);
  });
});
