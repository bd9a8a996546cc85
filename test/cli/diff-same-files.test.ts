/** `ctxsrc diff` of images whose files are the same, or not asked for: what line 1 says then. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
let dir: string;

beforeAll(() => {
  dir = tempDir('diff-same');
  const builder = new LayoutBuilder();
  const layer = (name: string, mode = 0o644) => builder.layer(tar([{ name, content: `${name}\n`, mode }]));
  const image = builder.image({ layers: [layer('a'), layer('b')], platform: amd64 });
  const other = builder.image({ layers: [layer('c')], platform: arm64 });
  const newer = builder.image({ layers: [layer('d')], platform: arm64 });
  const about = (text: string) => ({
    ...builder.image({ layers: [layer(text)], platform: { os: 'unknown', architecture: 'unknown' } }),
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': image.digest,
    },
  });
  const index = (tag: string, manifests: object[], more: object = {}) =>
    builder.tag(builder.json({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests, ...more }, INDEX_TYPE), tag);
  index('one', [image, other, about('x')]);
  index('attested', [image, other, about('y')]);
  index('arm', [image, newer, about('x')]);
  index('fewer', [image, about('x')]);
  index('order', [other, image, about('x')]);
  index('noted', [image, other, about('x')], { annotations: { note: 'n' } });
  index('entry', [{ ...image, annotations: { note: 'e' } }, other, about('x')]);
  index('spaced', [image, other, about('x')], { annotations: {} });
  builder.tag(builder.image({ layers: [layer('a', 0o664), layer('b')] }), 'mode');
  builder.tag(builder.image({ layers: [layer('a'), layer('b')], config: { Env: ['A=1'] } }), 'env');
  builder.tag(builder.image({ layers: [layer('a'), layer('n')], config: { Env: ['A=2'] } }), 'more');
  builder.write(join(dir, 'lay'));
});

const diff = async (a: string, b: string, ...flags: string[]) => {
  const args = ['diff', '--platform', 'linux/amd64', ...flags, `oci-layout://lay:${a}`, `oci-layout://lay:${b}`];
  const { code, stdout, stderr } = await ctxsrc(args, { cwd: dir, env: { LC_ALL: 'C.UTF-8' } });
  return { code, stderr, stdout, said: stdout.split('\n')[0]!.replace(/^.*?: /, '') };
};

describe('one image in two indexes', () => {
  it.each([
    ['attested', 'same files, other attestations'],
    ['arm', 'same files, other platforms beside (linux/arm64)'],
    ['fewer', 'same files, other platforms beside (linux/arm64)'],
    ['order', 'same files, other order of the index'],
    ['noted', 'same files, other annotations'],
    ['entry', 'same files, other annotations'],
    ['spaced', 'same files, other form of the index'],
  ])('%s: line 1 says what differs', async (tag, said) => {
    expect(await diff('one', tag)).toMatchObject({ code: 0, said });
  });

  it('--ignore of what differs leaves nothing, digests neither, and counts it', async () => {
    const ignored = await diff('one', 'noted', '--ignore', 'annotations', '--exit-code');
    expect(ignored).toMatchObject({ code: 0, said: 'nothing of what was asked for differs' });
    expect(ignored.stdout).toMatch(/\n1 difference left out by --only or --ignore\n$/);
    const digests = await diff('one', 'noted', '--only', 'packing', '--exit-code');
    expect(digests).toMatchObject({ code: 6, said: 'same files, other digests' });
  });
});

describe('kinds that are not asked for', () => {
  it('are not in line 1, nor in the rows, and no flag is named that reads files', async () => {
    const config = await diff('env', 'more', '--only', 'config');
    expect(config).toMatchObject({ code: 0, said: 'other ENV A', stderr: '' });
    expect(config.stdout).not.toContain('same');
    expect(config.stdout).toContain('1 difference left out');
    const none = await diff('env', 'more', '--only', 'config', '--ignore', 'config', '--exit-code');
    expect(none).toMatchObject({ code: 0, said: 'nothing of what was asked for differs' });
    expect(none.stdout).toContain('2 differences left out');
  });

  it('paths that are left out are not called the same', async () => {
    expect((await diff('env', 'more', '--ignore', '*')).said).toBe('1 of 2 layers, and ENV A');
  });
});

it('the modes of a directory alone can be evened by a flag', async () => {
  const images = await diff('one', 'mode', '--files');
  expect(images.said).toBe('1 of 2 layers, 1 file, only group-write differs: umask?');
  for (const [name, mode] of [
    ['u', 0o644],
    ['v', 0o664],
  ] as const) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, 'a'), '', { mode });
    chmodSync(join(dir, name, 'a'), mode);
  }
  const directories = await ctxsrc(['diff', '--quiet', './u', './v'], { cwd: dir, env: { LC_ALL: 'C.UTF-8' } });
  expect(directories.stdout).toContain('only group-write differs: umask? try --modes exec');
});
