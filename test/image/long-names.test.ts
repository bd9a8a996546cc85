/** Names, types and lists that a stranger made as long as they can be: messages stay short, and their hints can be typed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Source } from '../../src/contract/index.ts';
import { CtxsrcError } from '../../src/core/errors.ts';
import { REF_NAME } from '../../src/oci/annotations.ts';
import type { Descriptor } from '../../src/oci/types.ts';
import { source as dockerArchive } from '../../src/source/archive/docker.ts';
import { source as ociLayout } from '../../src/source/oci-layout/source.ts';
import { fakeJob } from '../support/fake-ref.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { newEnv, newStore } from '../support/source-env.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const LONG = 'long-'.repeat(100_000);

/** Everything that is said while the key is made, the error included. */
async function said(
  source: Source,
  rest: string,
  platform?: string,
): Promise<{ text: string; hint: string | undefined }> {
  const id = source.identify(
    { scheme: source.schemes[0]!, rest, text: rest },
    platform === undefined ? {} : { platform },
  );
  const job = fakeJob();
  const error: unknown = await source
    .resolve(id, newEnv(await newStore()))
    .cacheKey(job, 1)
    .catch((reason: unknown) => reason);
  const messages = job.events.flatMap((event) => (event.type === 'message' ? [event.text, event.hint ?? ''] : []));
  if (!(error instanceof CtxsrcError)) return { text: messages.join('\n'), hint: undefined };
  return { text: [error.message, error.hint ?? '', ...messages].join('\n'), hint: error.hint };
}

function layout(make: (built: LayoutBuilder, image: Descriptor) => void): string {
  const built = new LayoutBuilder();
  const image = built.image({ layers: [built.layer(tar([{ name: 'a' }]))] });
  make(built, image);
  return built.write(join(tempDir('layout'), 'layout'));
}

const named = (image: Descriptor, name: string): Descriptor => ({ ...image, annotations: { [REF_NAME]: name } });

it.each<[string, (built: LayoutBuilder, image: Descriptor) => void, suffix: string, platform?: string]>([
  ['tags', (built, image) => void built.manifests.push(named(image, LONG), named(image, `${LONG}2`)), ':none'],
  [
    'tens of thousands of entries',
    (built, image) => {
      for (let i = 0; i < 20_000; i += 1) built.manifests.push(named(image, `t${i}`));
    },
    ':none',
  ],
  ['a digest', (built, image) => void built.manifests.push({ ...image, digest: `sha256:${LONG}` }), ''],
  [
    'a platform',
    (built, image) =>
      void built.tag(built.index([{ ...image, platform: { os: 'linux', architecture: LONG } }]), 'latest'),
    '',
  ],
  [
    'the platform of a single image',
    (built) => void built.tag(built.image({ layers: [], platform: { os: 'linux', architecture: LONG } }), 'latest'),
    '',
    'linux/amd64',
  ],
  [
    'the type of an entry',
    (built, image) => void built.tag(built.index([{ ...image, mediaType: LONG }]), 'latest'),
    '',
  ],
  [
    'the type of a layer',
    (built) =>
      void built.tag(
        built.image({
          layers: [{ descriptor: built.blob('x', `${LONG}+encrypted`), diffId: `sha256:${'0'.repeat(64)}` }],
        }),
      ),
    '',
  ],
  [
    'the tag that has moved',
    (built, image) => void built.manifests.push(named({ ...image, digest: `sha256:${LONG}` }, 'v1'), image),
    ':v1@',
  ],
  ['a member', (built) => void built.tag(built.json({ config: {}, layers: [], annotations: { [LONG]: 1 } }, 'x')), ''],
])('a layout: %s', async (_, make, suffix, platform) => {
  let digest = '';
  const dir = layout((built, image) => {
    digest = image.digest;
    make(built, image);
  });
  const { text } = await said(ociLayout, `${dir}${suffix.endsWith('@') ? suffix + digest : suffix}`, platform);
  expect(text).not.toBe('');
  expect(text.length).toBeLessThan(10_000);
});

it('names in the hint can be typed', async () => {
  const dir = layout((built, image) => {
    const other = built.image({ layers: [] });
    built.manifests.push(named(image, LONG), named(other, 'two words'), named(other, '(x)'), named(image, 'b'));
  });
  const { hint } = await said(ociLayout, `${dir}:none`);
  expect(hint).toBe(`name one of them: oci-layout://${dir}:b`);
  expect((await said(ociLayout, `${dir}:b`)).text).toBe('');
});

it('an archive: tags, layers and the configuration', async () => {
  const archive = (images: readonly object[]): string => {
    const file = join(tempDir('archive'), 'image.tar');
    writeFileSync(
      file,
      tar([
        { name: 'manifest.json', content: JSON.stringify(images) },
        { name: 'c', content: '{}' },
      ]),
    );
    return file;
  };
  for (const images of [
    [{ Config: LONG, RepoTags: [LONG], Layers: [] }],
    [{ Config: 'c', RepoTags: ['a:1'], Layers: [LONG] }],
    [
      { Config: 'c', RepoTags: [`${LONG}:1`], Layers: [] },
      { Config: 'd', RepoTags: Array.from({ length: 20_000 }, (_, i) => `a:${i}`), Layers: [] },
    ],
  ]) {
    const { text } = await said(dockerArchive, archive(images));
    expect(text).not.toBe('');
    expect(text.length).toBeLessThan(10_000);
  }
  const untagged = archive([
    { Config: 'c', RepoTags: [], Layers: [] },
    { Config: 'd', RepoTags: [], Layers: [] },
  ]);
  expect((await said(dockerArchive, untagged)).hint).toBe('save the image by itself: docker save -o FILE NAME');
});
