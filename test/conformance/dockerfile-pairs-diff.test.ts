/** Why the keys of both sides of every pair differ, in words. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { InputDetail } from '../../src/build/build-detail.ts';
import { configParts } from '../../src/build/detail/config.ts';
import { buildDetail } from '../../src/build/detail/detail.ts';
import { compareBuilds } from '../../src/build/diff/compare.ts';
import { differenceText } from '../../src/build/diff/difference.ts';
import { type ComparedBuild, comparedBuild } from '../../src/build/diff/saved.ts';
import { keyDocument } from '../../src/build/document.ts';
import { stepsOf } from '../../src/build/step/steps.ts';
import { sha256 } from '../../src/core/digest.ts';
import { stableJson } from '../../src/core/stable-json.ts';
import type { PlatformGraph } from '../../src/dockerfile/graph/types.ts';
import { parseDockerfile } from '../../src/dockerfile/parse/dockerfile.ts';
import { familiarReference, parseNormalizedReference } from '../../src/oci/reference.ts';
import {
  type BuildCaseInput,
  buildOptions,
  caseResolver,
  chainOf,
  dockerfileBytes,
  graphOfCase,
} from '../support/build-case.ts';
import { vectors } from './vectors.ts';

interface Pair {
  readonly name: string;
  readonly a: BuildCaseInput;
  readonly b: BuildCaseInput;
  readonly expect: { readonly a: { readonly error?: string }; readonly b: { readonly error?: string } };
}

/** What is said of each pair whose key differs. */
const SENTENCES = JSON.parse(readFileSync(new URL('dockerfile-pairs-diff.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, string>
>;

const pairs = vectors<never, never>('dockerfile-pairs').cases as unknown as readonly Pair[];
const builds = pairs.filter(({ expect: { a, b } }) => a.error === undefined && b.error === undefined);

/** The build as `key --build --save` keeps it. */
async function savedBuild(input: BuildCaseInput): Promise<ComparedBuild> {
  const graph = await graphOfCase(input);
  const { fileName, namedContexts, ...options } = buildOptions(input);
  const bytes = dockerfileBytes(input);
  const platforms = await Promise.all(
    graph.results.map(async (result) => {
      const steps = await stepsOf(result, async (source, selections) => {
        const { identifier } = source.op;
        if (String(identifier).startsWith('local://')) {
          return { key: sha256(stableJson([identifier, selections])), ofFiles: true };
        }
        return { key: chainOf(input, source) ?? stableJson([source.op, source.attrs]), ofFiles: false };
      });
      return { platform: result.platform, imageConfig: result.imageConfig, steps };
    }),
  );
  const detail = buildDetail({
    request: {
      ...options,
      contexts: namedContexts,
      salts: [],
      modes: 'exact',
      dockerfile: { bytes, name: fileName, path: undefined },
    },
    dockerfile: parseDockerfile(bytes, fileName),
    graph,
    platforms,
    inputs: (await Promise.all(graph.results.map((result) => inputsOf(result, input)))).flat(),
    ignores: [],
    paths: [],
  });
  const { document } = keyDocument({ platforms, foreign: undefined, salts: [] });
  return comparedBuild(document, JSON.parse(JSON.stringify(detail)), 'the pair');
}

async function inputsOf({ requests, vertices }: PlatformGraph, input: BuildCaseInput): Promise<InputDetail[]> {
  const resolver = caseResolver(input);
  const images = requests.map(async (request): Promise<InputDetail> => {
    const { digest, config } = await resolver.image(request);
    const { kind, ref, platform, places } = request;
    const name = familiarReference(parseNormalizedReference(ref));
    const { diff_ids } = config.rootfs as { readonly diff_ids?: readonly string[] };
    const base = places.some(({ instruction }) => instruction === 'FROM');
    return { kind, name, platform, digest, key: stableJson(diff_ids), base, config: configParts(config) };
  });
  const others = vertices.flatMap(({ op, attrs = {} }): InputDetail[] => {
    const kind = attrs['git.fullurl'] !== undefined ? 'git' : attrs['http.filename'] !== undefined ? 'https' : '';
    return kind === '' ? [] : [{ kind, name: String(op.identifier), key: sha256(stableJson(attrs)), base: false }];
  });
  return [...(await Promise.all(images)), ...others];
}

describe('the difference between the builds of a pair', () => {
  it('is explained for each pair whose key differs', () => {
    const names = new Set(builds.map(({ name }) => name));
    expect(Object.keys(SENTENCES).filter((name) => !names.has(name))).toEqual([]);
    expect(Object.keys(SENTENCES).length).toBeGreaterThan(90);
  });

  it.each(builds)('$name', async (pair) => {
    const [a, b] = [await savedBuild(pair.a), await savedBuild(pair.b)];
    const { same, sentence, differences, rebuilt } = compareBuilds(a, b);
    expect(same).toBe(a.key === b.key);
    if (same) {
      expect(sentence).toMatch(/^the same: nothing that the build reaches differs/);
      expect(SENTENCES).not.toHaveProperty(pair.name);
      return;
    }
    const lines = differences.map((one) => `${one.mark} ${differenceText(one)}`);
    expect(lines).not.toEqual([]);
    expect([sentence, ...lines].join('\n')).not.toMatch(/unknown|undefined|null|the form of|the number of|another way/);
    expect([pair.name, sentence]).toEqual([pair.name, SENTENCES[pair.name]]);
    // Either a step runs anew, or the settings of the image are others.
    expect(rebuilt.steps > 0 || JSON.stringify(a.detail.config) !== JSON.stringify(b.detail.config)).toBe(true);
  });
});
