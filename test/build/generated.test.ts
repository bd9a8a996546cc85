import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { arbitraryPair, type Build, dockerfileOf, FILES, meaningOf } from '../support/generated-build.ts';
import { Asker, projectOf, put } from '../support/project.ts';
import { newStore } from '../support/source-env.ts';

it('the key of a generated build changes exactly when what the build does changes', async () => {
  const ask = new Asker('');
  const store = await newStore();
  const dir = projectOf({});
  const keyOf = (build: Build): Promise<string> => {
    FILES.forEach((file, index) => {
      const { word, executable } = build.files[index]!;
      put(dir, file, `${word}`, executable ? 0o755 : 0o644);
    });
    const buildArgs = new Map(
      build.given.flatMap((value, name) => (value === undefined ? [] : [[`A${name}`, `${value}`]])),
    );
    return ask.key(dir, dockerfileOf(build), { buildArgs, store });
  };
  const seed = randomInt(2 ** 31);
  console.info(`seed of the generated builds: ${seed}`);
  const seen = { same: 0, different: 0 };
  await fc.assert(
    fc.asyncProperty(arbitraryPair, async ([a, b]) => {
      const same = meaningOf(a) === meaningOf(b);
      seen[same ? 'same' : 'different'] += 1;
      expect((await keyOf(a)) === (await keyOf(b)), JSON.stringify([a, b])).toBe(same);
    }),
    { numRuns: 150, seed },
  );
  // Both happen often, or the test would say little.
  expect(Math.min(seen.same, seen.different)).toBeGreaterThan(5);
});
