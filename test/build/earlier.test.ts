/** Which inputs of a build have changed since an earlier document. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BuildInput } from '../../src/build/answer.ts';
import { changedInputs, readEarlierInputs } from '../../src/build/earlier.ts';
import { sha256 } from '../../src/core/digest.ts';
import { tempDir } from '../support/temp.ts';

const [one, two, three] = ['one', 'two', 'three'].map((text) => sha256(text)) as [`sha256:${string}`, string, string];
const unused: BuildInput = {
  kind: 'docker-image',
  name: 'a',
  ref: 'docker-image://a',
  at: [],
  digest: one,
  config: three,
  used: false,
};
const { used: _, ...bare } = unused;
const image: BuildInput = { ...bare, key: two };

it.each<[string, BuildInput, BuildInput, boolean]>([
  ['an index that has gained an entry', image, { ...image, digest: two }, false],
  ['another content', image, { ...image, key: one }, true],
  ['another configuration', image, { ...image, config: one }, true],
  ['another digest of an image that reaches nothing', unused, { ...unused, digest: two }, false],
  ['another configuration of an image that reaches nothing', unused, { ...unused, config: one }, true],
])('%s', async (_case, before, input, isChanged) => {
  const file = join(tempDir('earlier'), 'document.json');
  writeFileSync(file, JSON.stringify({ key: one, inputs: [before] }));
  const { signal } = new AbortController();
  const earlier = await readEarlierInputs(file, { named: 'since', cwd: '.', signal, note: () => {} });
  const changes = changedInputs({ key: sha256('new'), inputs: [input] }, earlier);
  expect(changes).toEqual({ known: false, changed: isChanged ? [input] : [] });
  // What is known has not changed, whatever its inputs look like.
  expect(changedInputs({ key: one, inputs: [input] }, earlier)).toEqual({ known: true, changed: [] });
});
