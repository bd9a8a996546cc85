import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Source, SourceInstance, Store } from '../../../src/contract/index.ts';
import { source as dockerArchive } from '../../../src/source/archive/docker.ts';
import { source as ociArchive } from '../../../src/source/archive/oci.ts';
import { source as ociLayout } from '../../../src/source/oci-layout/source.ts';
import { failureCode } from '../../support/failure-code.ts';
import { digestOf, LayoutBuilder } from '../../support/layout-builder.ts';
import { needs } from '../../support/needs.ts';
import { newEnv, newJob, newStore, writeSnapshot } from '../../support/source-env.ts';
import { type TarEntry, tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';
import { treeText } from '../../support/tree.ts';

async function open(source: Source, rest: string, attrs = {}, store?: Store): Promise<SourceInstance> {
  const scheme = source.schemes[0] as string;
  const id = source.identify({ scheme, rest, text: `${scheme}://${rest}` }, attrs);
  return source.resolve(id, newEnv(store ?? (await newStore()), { offline: true }));
}

/** Two layers, the second with a whiteout. */
function layers(builder: LayoutBuilder, compression: 'none' | 'gzip') {
  return [
    builder.layer(
      tar([
        { name: 'etc/', type: 'dir' },
        { name: 'etc/a', content: 'one' },
        { name: 'gone', content: 'x' },
      ]),
      compression,
    ),
    builder.layer(tar([{ name: 'etc/b', content: 'two' }, { name: '.wh.gone' }]), compression),
  ];
}

function archiveOf(members: readonly TarEntry[]): string {
  const file = join(tempDir('archive'), 'image.tar');
  writeFileSync(file, tar(members));
  return file;
}

/** What the program prints, run by bash with `$0` the file and `$1` the program. */
function runCli(command: string, file: string): string {
  const env = { ...process.env, CTXSRC_CACHE_DIR: tempDir('cache') };
  return execFileSync('bash', ['-c', command, file, resolve('bin/ctxsrc.js')], { encoding: 'utf8', env });
}

describe('oci-archive', () => {
  let layout: string;
  let file: string;

  beforeAll(() => {
    const builder = new LayoutBuilder();
    builder.tag(
      builder.image({
        layers: layers(builder, 'gzip'),
        platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      }),
      'v1',
    );
    layout = join(tempDir('layout'), 'image');
    builder.write(layout);
    file = join(tempDir('archive'), 'image.tar');
    execFileSync('tar', ['-cf', file, '-C', layout, '.']);
  });

  it('has the root digest, content key and files of the layout in it', async () => {
    const inside = await open(ociArchive, file);
    const beside = await open(ociLayout, layout, { platform: 'linux/arm64' });
    const [first, second] = [await inside.cacheKey(newJob(), 0), await inside.cacheKey(newJob(), 1)];
    expect(first.pin).toBe((await beside.cacheKey(newJob(), 0)).pin);
    expect(second).toMatchObject({ key: (await beside.cacheKey(newJob(), 1)).key, done: true });
    // Nothing to choose from: the platform is the image's own, whatever this machine is.
    expect(first.key).toBe((await beside.cacheKey(newJob(), 0)).key);
    const [a, b] = [await writeSnapshot(inside), await writeSnapshot(beside)];
    expect(treeText(a.dir)).toBe(treeText(b.dir));
    expect(readFileSync(join(a.dir, 'etc/b'), 'utf8')).toBe('two');
  });

  it('finds its image by tag and digest, and prints the pinned form', async () => {
    const { digest, pinned } = (await (await open(ociArchive, `${file}:v1`)).digests?.(newJob())) ?? {};
    expect(pinned).toBe(`oci-archive://${file}:v1@${digest}`);
    expect((await (await open(ociArchive, `${file}@${digest}`)).cacheKey(newJob(), 0)).pin).toBe(digest);
    expect(await failureCode((await open(ociArchive, `${file}:none`)).cacheKey(newJob(), 0))).toBe('E_TAG_NOT_FOUND');
    expect(await (await open(ociArchive, file)).candidates?.(newJob())).toEqual(['v1']);
  });

  it('reads it compressed, or through a pipe, and within bounds', async () => {
    const key = (await (await open(ociArchive, file)).cacheKey(newJob(), 1)).key;
    for (const program of ['gzip', 'xz', 'bzip2', 'zstd']) {
      if (!needs(program)) continue;
      const packed = join(tempDir('archive'), 'image');
      writeFileSync(packed, execFileSync(program, ['-c', file]));
      const instance = await open(ociArchive, packed);
      expect((await instance.cacheKey(newJob(), 1)).key).toBe(key);
      expect(readFileSync(join((await writeSnapshot(instance)).dir, 'etc/b'), 'utf8')).toBe('two');
      const id = ociArchive.identify({ scheme: 'oci-archive', rest: packed, text: '' }, {});
      const bounded = newEnv(await newStore(), { offline: true, limits: { maxBytes: 2000 } });
      expect(await failureCode(ociArchive.resolve(id, bounded).cacheKey(newJob(), 1))).toBe('E_LIMIT');
    }
    const piped = runCli('cat "$0" | node "$1" key oci-archive:///dev/stdin', file);
    const substituted = runCli('node "$1" key oci-archive://<(gzip -c "$0")', file);
    expect([piped, substituted]).toEqual([`${key}\n`, `${key}\n`]);
  }, 60_000);

  it('says what it is instead, and the way that works', async () => {
    const hintFor = async (source: Source, path: string) =>
      (await open(source, path)).cacheKey(newJob(), 0).catch((error: { hint?: string }) => error.hint);
    const hintOf = (source: Source, members: readonly TarEntry[]) => hintFor(source, archiveOf(members));
    const marker: TarEntry = { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' };
    const index: TarEntry = { name: 'index.json', content: '{"schemaVersion":2,"manifests":[]}' };
    const saved: TarEntry = { name: 'manifest.json', content: '[]' };
    expect(await hintFor(ociLayout, file)).toMatch(/ oci-archive:\/\/\S+, .* docker-archive:\/\/\S+$/);
    expect(await hintOf(ociArchive, [marker, index, saved])).toMatch(/docker-archive:\/\//);
    expect(await hintOf(dockerArchive, [marker, index])).toMatch(/oci-archive:\/\//);
    const plain = tempDir('plain');
    for (const source of [ociArchive, dockerArchive]) {
      expect(await hintFor(source, layout)).toContain(`oci-layout://${layout}`);
      expect(await hintFor(source, plain)).toContain(`local://${plain}`);
      expect(await hintOf(source, [{ name: './etc/passwd', content: 'x' }])).toMatch(/docker export.*tar -xf/);
      expect(await hintOf(source, [{ name: 'repositories', content: '{}' }])).toMatch(/before 1\.10.*docker load/);
    }
  });

  it('pulls everything into the store', async () => {
    const store = await newStore();
    const instance = await open(ociArchive, file, {}, store);
    await instance.pull?.(newJob());
    const { opts } = await instance.cacheKey(newJob(), 1);
    for (const digest of opts.keys()) expect(await store.blobs.size(digest)).toBeGreaterThan(0);
  });

  it('refuses what it cannot be sure of', async () => {
    const marker: TarEntry = { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' };
    const index: TarEntry = { name: 'index.json', content: '{"schemaVersion":2,"manifests":[]}' };
    const failure = async (members: readonly TarEntry[]) =>
      failureCode((await open(ociArchive, archiveOf(members))).cacheKey(newJob(), 0));
    expect(await failure([marker, index])).toBe('E_NOT_FOUND');
    expect(await failure([marker])).toBe('E_LAYOUT_INVALID');
    expect(await failure([index])).toBe('E_LAYOUT_INVALID');
    expect(await failure([marker, index, { ...index, name: './index.json' }])).toBe('E_NOT_FOUND');
    const other = { ...index, name: './index.json', content: '{"schemaVersion":2,"manifests": []}' };
    expect(await failure([marker, index, other])).toBe('E_ARCHIVE_INVALID');
    expect(await failure([marker, { name: 'index.json', type: 'symlink', linkname: '/etc/passwd' }])).toBe(
      'E_LAYOUT_INVALID',
    );
    expect(await failure([marker, { name: 'index.json', type: 'symlink', linkname: 'index.json' }])).toBe(
      'E_ARCHIVE_INVALID',
    );
    expect(await failure([{ name: '../../../oci-layout', content: 'x' }])).toBe('E_LAYOUT_INVALID');
    expect(await failureCode((await open(ociArchive, layout)).cacheKey(newJob(), 0))).toBe('E_ARCHIVE_INVALID');
    expect(await failureCode((await open(ociArchive, join(layout, 'none.tar'))).cacheKey(newJob(), 0))).toBe(
      'E_PATH_NOT_FOUND',
    );
    const bytes = readFileSync(file);
    const spoilt = join(tempDir('archive'), 'spoilt');
    for (const content of [
      Buffer.alloc(2000, 'x'),
      Buffer.alloc(0),
      bytes.subarray(0, 700),
      gzipSync(bytes).subarray(0, 500),
    ]) {
      writeFileSync(spoilt, content);
      for (const source of [ociArchive, dockerArchive]) {
        await expect((await open(source, spoilt)).cacheKey(newJob(), 0)).rejects.toMatchObject({
          code: 'E_ARCHIVE_INVALID',
          message: expect.stringMatching(new RegExp(`^${spoilt}: `)) as string,
          hint: expect.stringContaining(`tar -tf ${spoilt}`) as string,
        });
      }
    }
    writeFileSync(spoilt, gzipSync(bytes).subarray(0, 500));
    expect(await failureCode((await open(ociArchive, spoilt)).cacheKey(newJob(), 0))).toBe('E_ARCHIVE_INVALID');
    writeFileSync(spoilt, bytes.subarray(0, bytes.length / 2));
    expect(await failureCode((await open(ociArchive, spoilt)).cacheKey(newJob(), 0))).toMatch(
      /^E_(ARCHIVE|LAYOUT)_INVALID$|^E_BLOB_NOT_FOUND$/,
    );
    writeFileSync(spoilt, 'no archive at all');
    expect(await failureCode((await open(ociArchive, spoilt)).cacheKey(newJob(), 0))).toBe('E_ARCHIVE_INVALID');
  });

  it('notices blobs that are not their digests, and a file that is replaced', async () => {
    const builder = new LayoutBuilder();
    const [one] = layers(builder, 'gzip');
    if (one === undefined) throw new Error('no layer');
    builder.tag(builder.image({ layers: [one] }), 'v1');
    const bad = Buffer.from(builder.blobs.get(one.descriptor.digest) as Buffer);
    bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
    builder.blobs.set(one.descriptor.digest, bad);
    const dir = join(tempDir('layout'), 'image');
    builder.write(dir);
    const archive = join(tempDir('archive'), 'image.tar');
    execFileSync('tar', ['-cf', archive, '-C', dir, '.']);
    expect(await failureCode(writeSnapshot(await open(ociArchive, archive)))).toBe('E_DIGEST_MISMATCH');
    const copy = join(tempDir('archive'), 'copy.tar');
    copyFileSync(file, copy);
    const instance = await open(ociArchive, copy);
    await instance.cacheKey(newJob(), 1);
    utimesSync(copy, 1, 1);
    expect(await failureCode(writeSnapshot(instance))).toBe('E_ARCHIVE_INVALID');
  });
});

describe('docker-archive', () => {
  const config = (diffIds: readonly string[]) =>
    JSON.stringify({ architecture: 'arm64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } });

  function saved(options: { readonly compression?: 'none' | 'gzip'; readonly tags?: readonly string[] } = {}) {
    const builder = new LayoutBuilder();
    const built = layers(builder, options.compression ?? 'none');
    const document = config(built.map(({ diffId }) => diffId));
    const members: TarEntry[] = [
      {
        name: 'manifest.json',
        content: JSON.stringify([
          { Config: 'c.json', RepoTags: options.tags ?? ['alpine:3.20'], Layers: ['1/layer.tar', '2/layer.tar'] },
        ]),
      },
      { name: 'c.json', content: document },
      ...built.map(({ descriptor }, i) => ({
        name: `${i + 1}/layer.tar`,
        content: builder.blobs.get(descriptor.digest) as Buffer,
      })),
    ];
    return { file: archiveOf(members), members, document, diffIds: built.map(({ diffId }) => diffId) };
  }

  it.each(['none', 'gzip'] as const)(
    'has the configuration as its root, layers compressed by %s',
    async (compression) => {
      const { file, document } = saved({ compression });
      const instance = await open(dockerArchive, file);
      const root = digestOf(document);
      expect(await instance.digests?.(newJob())).toMatchObject({ digest: root, pinned: undefined });
      const first = await instance.cacheKey(newJob(), 0);
      expect(first.pin).toBe(root);
      expect(first.preimage).toBe(`{"Digest":"${root}","OS":"linux","Arch":"arm64"}`);
      const { dir } = await writeSnapshot(instance);
      expect(treeText(dir, { omit: ['mtime', 'uid', 'gid', 'sha256'] }).split('\n')).toHaveLength(3);
      expect(readFileSync(join(dir, 'etc/a'), 'utf8')).toBe('one');
    },
  );

  it.each(['alpine:3.20', '3.20', 'docker.io/library/alpine:3.20'])('finds the image by %s', async (tag) => {
    const { file, document } = saved();
    expect((await (await open(dockerArchive, `${file}:${tag}`)).cacheKey(newJob(), 0)).pin).toBe(digestOf(document));
  });

  it('follows the links that docker save writes for layers that are there twice', async () => {
    const { members, document } = saved();
    const [manifest, configuration, one, two] = members as [TarEntry, TarEntry, TarEntry, TarEntry];
    const linked = archiveOf([
      manifest,
      configuration,
      { name: 'x/layer.tar', content: one.content },
      { name: '1/layer.tar', type: 'symlink', linkname: '../x/layer.tar' },
      two,
    ]);
    const instance = await open(dockerArchive, linked);
    expect((await instance.cacheKey(newJob(), 0)).pin).toBe(digestOf(document));
    expect(readFileSync(join((await writeSnapshot(instance)).dir, 'etc/a'), 'utf8')).toBe('one');
  });

  it('reads archives as they are found: a layer twice, links with a size, both forms, a colon in the name', async () => {
    const { members, document } = saved();
    const [manifest, configuration, one, two] = members as [TarEntry, TarEntry, TarEntry, TarEntry];
    // google/go-containerregistry#265, bazelbuild/rules_docker#1420; composefs/tar-rs#311, mafintosh/tar-stream#48.
    const link: TarEntry = { name: '2/layer.tar', type: 'symlink', linkname: '../x/layer.tar', size: 2048 };
    for (const found of [
      [...members, one],
      [manifest, configuration, one, { ...two, name: 'x/layer.tar' }, link],
    ]) {
      const instance = await open(dockerArchive, archiveOf(found));
      expect((await instance.cacheKey(newJob(), 0)).pin).toBe(digestOf(document));
      expect(readFileSync(join((await writeSnapshot(instance)).dir, 'etc/b'), 'utf8')).toBe('two');
    }
    // containers/podman#15963.
    const colon = join(tempDir('archive'), 'app:1.0.tar');
    writeFileSync(colon, tar(members));
    expect((await (await open(dockerArchive, `${colon}:3.20`)).cacheKey(newJob(), 0)).pin).toBe(digestOf(document));
    // moby/moby#49141.
    const builder = new LayoutBuilder();
    const built = layers(builder, 'none');
    const image = builder.image({ layers: built });
    const { config } = JSON.parse(builder.blobs.get(image.digest)!.toString()) as { config: { digest: string } };
    const path = (digest: string) => `blobs/${digest.replace(':', '/')}`;
    const content = JSON.stringify([
      {
        Config: path(config.digest),
        RepoTags: ['alpine:3.20'],
        Layers: built.map(({ descriptor }) => path(descriptor.digest)),
      },
    ]);
    const files = [...builder.tag(image, '3.20').files()].map(([name, bytes]) => ({ name, content: bytes }));
    const hybrid = archiveOf([...files, { name: 'manifest.json', content }]);
    const keys = [dockerArchive, ociArchive].map(async (source) => (await open(source, hybrid)).cacheKey(newJob(), 1));
    const [a, b] = await Promise.all(keys);
    expect(a!.key).toBe(b!.key);
  });

  it('says what there is when it cannot choose, and what is missing', async () => {
    const { members } = saved();
    const [, configuration, one, two] = members as [TarEntry, TarEntry, TarEntry, TarEntry];
    const image = (name: string, Config: string) => ({
      Config,
      RepoTags: [name],
      Layers: ['1/layer.tar', '2/layer.tar'],
    });
    const many = archiveOf([
      { name: 'manifest.json', content: JSON.stringify([image('a:1', 'c.json'), image('b:1', 'd.json')]) },
      configuration,
      { name: 'd.json', content: `${String(configuration.content)} ` },
      one,
      two,
    ]);
    expect(await failureCode((await open(dockerArchive, many)).cacheKey(newJob(), 0))).toBe('E_TAG_AMBIGUOUS');
    expect(await failureCode((await open(dockerArchive, `${many}:1`)).cacheKey(newJob(), 0))).toBe('E_TAG_AMBIGUOUS');
    expect(await failureCode((await open(dockerArchive, `${many}:c:1`)).cacheKey(newJob(), 0))).toBe('E_TAG_NOT_FOUND');
    expect(await (await open(dockerArchive, many)).candidates?.(newJob())).toEqual(['a:1', 'b:1']);
    const failure = async (list: readonly TarEntry[]) =>
      failureCode((await open(dockerArchive, archiveOf(list))).cacheKey(newJob(), 0));
    expect(await failure(members.slice(1))).toBe('E_LAYOUT_INVALID');
    expect(await failure(members.slice(0, 3))).toBe('E_LAYOUT_INVALID');
    expect(await failure([{ name: 'manifest.json', content: '[]' }])).toBe('E_NOT_FOUND');
    expect(await failure([{ name: 'manifest.json', content: '{}' }])).toBe('E_LAYOUT_INVALID');
    expect(() =>
      dockerArchive.identify({ scheme: 'docker-archive', rest: `./x@${digestOf('')}`, text: '' }, {}),
    ).toThrow(/digest/);
  });

  it('refuses a layer that is not its diff ID', async () => {
    const { members } = saved();
    const [manifest, configuration, , two] = members as [TarEntry, TarEntry, TarEntry, TarEntry];
    const wrong = archiveOf([manifest, configuration, { name: '1/layer.tar', content: tar([{ name: 'other' }]) }, two]);
    expect(await failureCode(writeSnapshot(await open(dockerArchive, wrong)))).toMatch(
      /^E_(DIGEST|SIZE|DIFF_ID)_MISMATCH$/,
    );
  });
});

describe.skipIf(!needs('skopeo'))('archives as skopeo writes them', () => {
  it.each(['oci-archive', 'docker-archive'])('reads its %s', async (scheme) => {
    const builder = new LayoutBuilder();
    builder.tag(
      builder.image({ layers: layers(builder, 'gzip'), platform: { os: 'linux', architecture: 'amd64' } }),
      'v1',
    );
    const layout = join(tempDir('layout'), 'image');
    builder.write(layout);
    const out = join(tempDir('archive'), 'out.tar');
    mkdirSync(join(layout, 'tmp'));
    execFileSync(
      'skopeo',
      ['--insecure-policy', '--tmpdir', join(layout, 'tmp'), 'copy', `oci:${layout}:v1`, `${scheme}:${out}:x/y:v1`],
      { stdio: 'pipe' },
    );
    const wanted = await (await open(ociLayout, layout)).cacheKey(newJob(), 1);
    const instance = await open(scheme === 'oci-archive' ? ociArchive : dockerArchive, out);
    expect((await instance.cacheKey(newJob(), 1)).key).toBe(wanted.key);
    expect(readFileSync(join((await writeSnapshot(instance)).dir, 'etc/b'), 'utf8')).toBe('two');
  });
});
