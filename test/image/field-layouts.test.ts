/** Images as tools in the field write them, odd but right, each with the files that containerd and umoci make of it. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/contract/index.ts';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';
import type { Descriptor } from '../../src/oci/types.ts';
import { resolve } from '../../src/source/resolve.ts';
import { SourceTable } from '../../src/source/table.ts';
import { type BuiltLayer, digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { needsRoot } from '../support/needs.ts';
import { newEnv, newJob, newStore, writeSnapshot } from '../support/source-env.ts';
import { type TarEntry, tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { listTree } from '../support/tree.ts';

let store: Store;
beforeAll(async () => {
  store = await newStore();
});

const file = (name: string, content = name): TarEntry => ({ name, content });
const dir = (name: string): TarEntry => ({ name: `${name}/`, type: 'dir' });
const gone = (name: string): TarEntry => ({ name });
const layersOf =
  (...layers: readonly (readonly TarEntry[])[]) =>
  (built: LayoutBuilder) =>
    layers.map((entries) => built.layer(tar(entries)));

async function filesOf(reference: string): Promise<readonly string[]> {
  const { instance } = await resolve(new SourceTable(), reference, {}, newEnv(store));
  const { dir: out } = await writeSnapshot(instance, { owner: 'current' });
  return listTree(out).map(({ path, type, size, target, linkOf, device }) => {
    if (linkOf !== undefined) return `${path} = ${linkOf}`;
    return type === 'file' ? `${path} ${size}` : `${path} ${type === 'symlink' ? `-> ${target}` : (device ?? type)}`;
  });
}

function written(built: LayoutBuilder, name = 'layout'): string {
  return built.write(join(tempDir('layout'), name));
}

const below = [dir('target'), file('target/keep.txt'), { name: 'link', type: 'symlink', linkname: 'target' }] as const;
const marker = gone('link/.wh..wh..opq');
const newFile = file('link/new.txt');

/** What was reported, the layers, the paths that come of them. */
const ROWS: readonly (readonly [string, (built: LayoutBuilder) => readonly BuiltLayer[], readonly string[]])[] = [
  [
    'a type that does not say how the layer is compressed (google/go-containerregistry#1826)',
    (built) => {
      const [plain, packed] = [built.layer(tar([file('a')]), 'none'), built.layer(tar([file('b')]), 'gzip')];
      return [
        { ...plain, descriptor: { ...plain.descriptor, mediaType: MEDIA_TYPE.ociLayerGzip } },
        { ...packed, descriptor: { ...packed.descriptor, mediaType: MEDIA_TYPE.ociLayerTar } },
      ];
    },
    ['a 1', 'b 1'],
  ],
  [
    'the same layer twice (bazel-contrib/rules_oci#257)',
    (built) => {
      const layer = built.layer(tar([file('a')]));
      return [layer, built.layer(tar([gone('.wh.a'), file('b')])), layer];
    },
    ['a 1', 'b 1'],
  ],
  [
    'a layer of zero bytes (moby/moby#18226)',
    (built) => [
      built.layer(tar([file('a')])),
      { descriptor: built.blob('', MEDIA_TYPE.ociLayerTar), diffId: digestOf('') },
    ],
    ['a 1'],
  ],
  [
    'an opaque marker in the only layer, beside files of it (google/go-containerregistry#1623, crazy-max/undock#254)',
    layersOf([dir('d'), file('d/f'), gone('d/.wh..wh..opq'), file('d/g')]),
    ['d dir', 'd/f 3', 'd/g 3'],
  ],
  [
    'a folder that becomes a link, with its whiteout (GoogleContainerTools/kaniko#2308)',
    layersOf([dir('d'), file('d/f'), dir('e')], [gone('.wh.d'), { name: 'd', type: 'symlink', linkname: 'e' }]),
    ['d -> e', 'e dir'],
  ],
  [
    'whiteouts that are hard links, and of what never was (cvmfs/cvmfs#4286, vmware/vic#5997)',
    layersOf(
      [file('a'), file('b'), file('c')],
      [gone('.wh.a'), { name: '.wh.b', type: 'hardlink', linkname: '.wh.a' }, gone('.wh.never')],
    ),
    ['c 1'],
  ],
  [
    'a hard link with a size (Metaswitch/rpmoci#163, bazel-contrib/rules_img#63)',
    layersOf([file('a', 'aaaa'), { name: 'b', type: 'hardlink', linkname: 'a', size: 4 }, file('c')]),
    ['a 4', 'b = a', 'c 1'],
  ],
  [
    'hard links into what aufs kept (moby/moby#4178, moby/moby#16774)',
    layersOf([
      dir('.wh..wh.plnk'),
      file('.wh..wh.plnk/317.12', 'p'),
      { name: 'a', type: 'hardlink', linkname: '.wh..wh.plnk/317.12' },
      { name: 'b', type: 'hardlink', linkname: '.wh..wh.plnk/317.12' },
    ]),
    ['a 1', 'b = a'],
  ],
  [
    'a folder over a link, its marker first (anchore/stereoscope#694)',
    layersOf(below, [dir('link'), marker, newFile]),
    ['link dir', 'link/new.txt 12', 'target dir', 'target/keep.txt 15'],
  ],
  [
    'a folder over a link, its marker last',
    layersOf(below, [dir('link'), newFile, marker]),
    ['link dir', 'link/new.txt 12', 'target dir', 'target/keep.txt 15'],
  ],
  [
    'a marker through a link, first',
    layersOf(below, [marker, newFile]),
    ['link -> target', 'target dir', 'target/new.txt 12'],
  ],
  [
    'a marker through a link, last',
    layersOf(below, [newFile, marker]),
    ['link -> target', 'target dir', 'target/new.txt 12'],
  ],
  [
    'files through a link, without a marker',
    layersOf(below, [newFile]),
    ['link -> target', 'target dir', 'target/keep.txt 15', 'target/new.txt 12'],
  ],
];

describe('files of an image', () => {
  it.each(ROWS)('%s', async (_, layers, paths) => {
    const built = new LayoutBuilder();
    built.tag(built.image({ layers: layers(built) }));
    expect(await filesOf(`oci-layout://${written(built)}`)).toEqual(paths);
  });

  it.skipIf(!needsRoot('a device in a layer'))('a device 0:0 is no whiteout (moby/buildkit#1624)', async () => {
    const built = new LayoutBuilder();
    const layers = layersOf([file('a')], [{ name: 'a', type: 'char', devmajor: 0, devminor: 0 }]);
    built.tag(built.image({ layers: layers(built) }));
    expect(await filesOf(`oci-layout://${written(built)}`)).toEqual(['a 0:0']);
  });
});

it('a layer that is no archive is told by its digest', async () => {
  const built = new LayoutBuilder();
  const bad = built.layer(Buffer.alloc(2000, 'x'));
  built.tag(built.image({ layers: [...layersOf([file('a')])(built), bad] }));
  await expect(filesOf(`oci-layout://${written(built)}`)).rejects.toMatchObject({
    code: 'E_ARCHIVE_INVALID',
    message: expect.stringContaining(`layer ${bad.descriptor.digest}: `) as string,
    hint: expect.stringContaining('build the image') as string,
  });
});

describe('the image in a layout', () => {
  const built = new LayoutBuilder();
  const image = built.image({ layers: layersOf([file('a')])(built), platform: { os: 'linux', architecture: 'amd64' } });
  const key = async (reference: string) => {
    const { instance } = await resolve(new SourceTable(), reference, {}, newEnv(store));
    return (await instance.cacheKey(newJob(), 1)).key;
  };
  const withTag = (root: Descriptor, name?: string): LayoutBuilder => {
    built.manifests.length = 0;
    return built.tag(root, name);
  };
  const attestation: Descriptor = {
    ...built.json(
      {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociManifest,
        config: built.json({ os: 'unknown', architecture: 'unknown' }, MEDIA_TYPE.ociConfig),
        layers: [built.blob('{}', 'application/vnd.in-toto+json')],
      },
      MEDIA_TYPE.ociManifest,
    ),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };

  it('is found under a whole reference (google/go-containerregistry#1401, bazel-contrib/rules_img#627)', async () => {
    const root = written(withTag(image, 'docker.io/library/x:1.0'));
    expect(await key(`oci-layout://${root}:docker.io/library/x:1.0`)).toBe(await key(`oci-layout://${root}`));
    await expect(key(`oci-layout://${root}:1.0`)).rejects.toMatchObject({
      code: 'E_TAG_NOT_FOUND',
      hint: `name one of them: oci-layout://${root}:docker.io/library/x:1.0`,
    });
  });

  it('is found in an index of indexes, beside attestations (CodesWhat/drydock#816)', async () => {
    const root = written(withTag(built.index([built.index([image, attestation])])));
    expect(await filesOf(`oci-layout://${root}`)).toEqual(['a 1']);
  });

  it('lies in a folder with @ and : in its name (moby/buildkit#6447, docker/buildx#4092)', async () => {
    const root = written(withTag(image, 'v1'), 'odd@dir:x');
    expect(await key(`oci-layout://${root}:v1`)).toBe(await key(`oci-layout://${root}@${image.digest}`));
  });

  it('is not there where only attestations are (google/go-containerregistry#2298)', async () => {
    const root = written(withTag(built.index([attestation])));
    await expect(key(`oci-layout://${root}`)).rejects.toMatchObject({
      code: 'E_NOT_AN_IMAGE',
      exit: 5,
      message: expect.stringMatching(/of oci-layout:\S+ holds no image, .*: attestation-manifest$/) as string,
    });
    const { instance } = await resolve(
      new SourceTable(),
      `oci-layout://${root}`,
      { platform: 'unknown/unknown' },
      newEnv(store),
    );
    await expect(instance.cacheKey(newJob(), 1)).rejects.toMatchObject({
      code: 'E_NOT_AN_IMAGE',
      hint: expect.stringContaining('oci-layout+blob://') as string,
    });
  });
});
