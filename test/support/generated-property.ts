/** The property of generated builds: a key changes exactly when what the build does changes. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { arbitraryPair, type Build, dockerfileOf, FILES, type GeneratedImage, IN_FOLDER } from './generated-build.ts';
import { meaningOf } from './generated-meaning.ts';
import { Asker, projectOf, put } from './project.ts';
import { buildImage } from './project-image.ts';
import type { ImageServer } from './project-world.ts';
import { newStore } from './source-env.ts';

/** @param server whose tags move from one build to the next */
export async function keysFollowMeaning(server: ImageServer, run: { numRuns: number; seed: number }): Promise<void> {
  const ask = new Asker(server.host);
  const store = await newStore();
  const dir = projectOf({});
  const tags = new Map<number, string>();
  const moveTag = async (image: number, state: GeneratedImage): Promise<void> => {
    const { word, setting, list } = state;
    const { layout, root } = buildImage(`generated-${image}`, {
      files: { x: `${word}` },
      config: { Env: ['PATH=/usr/bin:/bin', `S${image}=${setting}`] },
      others: `${list}`,
    });
    if (tags.get(image) === root.digest) return;
    await server.push(layout, `generated/${image}`, '1', root);
    tags.set(image, root.digest);
  };
  const keyOf = async (build: Build): Promise<string> => {
    for (const [image, state] of build.images.entries()) await moveTag(image, state);
    FILES.forEach((file, index) => {
      const { word, executable } = build.files[index]!;
      put(dir, file, `${word}`, executable ? 0o755 : 0o644);
    });
    const ignored = IN_FOLDER.filter((_, index) => build.ignored[index]).map((file) => FILES[file]);
    put(dir, '.dockerignore', ignored.join('\n'));
    const buildArgs = new Map(
      build.given.flatMap((value, name) => (value === undefined ? [] : [[`A${name}`, `${value}`]])),
    );
    return ask.key(
      dir,
      dockerfileOf(build, (image) => `${server.host}/generated/${image}:1`),
      { buildArgs, store },
    );
  };
  expectBothOften(run.seed);
  await fc.assert(
    fc.asyncProperty(arbitraryPair, async ([a, b]) => {
      const same = meaningOf(a) === meaningOf(b);
      expect((await keyOf(a)) === (await keyOf(b)), JSON.stringify([a, b])).toBe(same);
    }),
    run,
  );
}

/** The property says little unless both kinds of pairs are common. Few rounds cannot show that: a large sample, built by nobody, does. */
function expectBothOften(seed: number): void {
  const numRuns = 1_000;
  const same = fc.sample(arbitraryPair, { numRuns, seed }).filter(([a, b]) => meaningOf(a) === meaningOf(b)).length;
  expect(Math.min(same, numRuns - same)).toBeGreaterThan(numRuns / 30);
}
