/** Keys of both sides of every pair: the same exactly where BuildKit would run no step anew and make the same image. */
import { describe, expect, it } from 'vitest';
import { keyDocument } from '../../src/build/document.ts';
import { stepsOf } from '../../src/build/step/steps.ts';
import { sha256 } from '../../src/core/digest.ts';
import { stableJson } from '../../src/core/stable-json.ts';
import { type BuildCaseInput, chainOf, graphOfCase } from '../support/build-case.ts';
import { vectors } from './vectors.ts';

interface Side {
  readonly frontend?: string;
  readonly error?: string;
}

interface Pair {
  readonly name: string;
  readonly a: BuildCaseInput;
  readonly b: BuildCaseInput;
  readonly expect: {
    readonly sameSteps: boolean;
    readonly sameConfig: boolean;
    readonly byContent?: boolean;
    readonly historyOnly?: boolean;
    readonly a: Side;
    readonly b: Side;
  };
}

const file = vectors<never, never>('dockerfile-pairs');
const pairs = file.cases as unknown as readonly Pair[];

/** The key that a build has if every path of a directory has a content of its own. */
async function keyOf(input: BuildCaseInput): Promise<string> {
  const { results } = await graphOfCase(input);
  const platforms = results.map(async ({ platform, imageConfig, ...graph }) => {
    const steps = await stepsOf({ platform, imageConfig, ...graph }, async (source, selections) => {
      const { identifier } = source.op;
      if (String(identifier).startsWith('local://')) {
        return { key: sha256(stableJson([identifier, selections])), ofFiles: true };
      }
      return { key: chainOf(input, source) ?? stableJson([source.op, source.attrs]), ofFiles: false };
    });
    return { platform, imageConfig, steps };
  });
  return keyDocument({ platforms: await Promise.all(platforms), foreign: undefined, salts: [] }).key;
}

describe('BuildKit vectors: dockerfile-pairs', () => {
  it('holds as many cases as it says', () => {
    expect(pairs).toHaveLength(file.count);
    expect(file.count).toBe(248);
  });

  it.each(pairs)('$name', async ({ a, b, expect: want }) => {
    if (want.a.error !== undefined || want.b.error !== undefined) {
      // An error is no build and has no key.
      const [wrong, right] = want.a.error === undefined ? [b, a] : [a, b];
      await expect(keyOf(wrong)).rejects.toMatchObject({ code: 'E_DOCKERFILE' });
      await expect(keyOf(right)).resolves.toMatch(/^sha256:/);
      return;
    }
    const same = (await keyOf(a)) === (await keyOf(b));
    // The history is not in the key; where the same file lies is.
    if (want.historyOnly === true) expect(same).toBe(true);
    else if (want.byContent === true) expect(same).toBe(false);
    // Neither too little nor too much: `docs/build.md` has the needless changes that these pairs do not show.
    else expect(same).toBe(want.sameSteps && want.sameConfig);
  });
});
