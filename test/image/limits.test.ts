/** `--max-bytes` and `--max-files` where images and single blobs are read: refused before anything is fetched. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes, Source, SourceInstance } from '../../src/contract/index.ts';
import type { CtxsrcError } from '../../src/core/errors.ts';
import { exportRef } from '../../src/snapshot/export/export.ts';
import { source as dockerArchive } from '../../src/source/archive/docker.ts';
import { source as blobs } from '../../src/source/blob/source.ts';
import { source as dockerImage } from '../../src/source/docker-image/source.ts';
import { source as ociLayout } from '../../src/source/oci-layout/source.ts';
import { openStore } from '../../src/store/store.ts';
import { ctxsrc } from '../support/cli.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { newEnv, newJob, newStore, WRITE_OPTIONS, writeSnapshot } from '../support/source-env.ts';
import { type TarEntry, tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const built = new LayoutBuilder();
const layers = ['a', 'b'].map((name) => built.layer(tar([{ name, content: Buffer.alloc(50_000, name) }]), 'gzip'));
const image = built.image({ layers: [...layers, layers[0]!] });
built.tag(image, 'v1');
/** Of the two blobs; the first is used twice. */
const size = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
const layout = built.write(join(tempDir('layout'), 'image'));
const blob = layers[0]!.descriptor;
let registry: TestRegistry;

beforeAll(async () => {
  registry = await TestRegistry.start();
  registry.push(built, 'a/b', 'v1', image);
});
afterAll(() => registry.stop());

async function open(
  source: Source,
  ref: string,
  limits: { readonly maxBytes?: number; readonly maxFiles?: number },
  store = newStore(),
): Promise<SourceInstance> {
  const [scheme = '', rest = ''] = ref.split(/:\/\/(.*)/s);
  const attributes: Attributes = {};
  const network = { plainHttp: [registry.host] };
  return source.resolve(
    source.identify({ scheme, rest, text: ref }, attributes),
    newEnv(await store, { network, limits }),
  );
}

const fetched = (): number =>
  registry.log.filter(({ method, url }) => method === 'GET' && url.includes(blob.digest)).length;

describe('an image over --max-bytes', () => {
  it('is not pulled, by what its descriptors say, and one of exactly that size is', async () => {
    for (const [source, ref] of [
      [dockerImage, `docker-image://${registry.host}/a/b:v1`],
      [ociLayout, `oci-layout://${layout}`],
    ] as const) {
      const store = newStore();
      registry.log.length = 0;
      await expect((await open(source, ref, { maxBytes: size - 1 }, store)).pull!(newJob())).rejects.toMatchObject({
        code: 'E_LIMIT',
        exit: 8,
        message: expect.stringMatching(`a/b:v1|${layout}`) as string,
        hint: 'allow more with --max-bytes',
        details: { limit: size - 1, size },
      });
      expect(fetched()).toBe(0);
      expect(await (await store).blobs.size(blob.digest)).toBeUndefined();
      await (await open(source, ref, { maxBytes: size })).pull!(newJob());
    }
  });

  it('is not fetched to be written or exported', async () => {
    const ref = `docker-image://${registry.host}/a/b:v1`;
    const limits = { ...WRITE_OPTIONS.limits, maxBytes: 60_000 };
    registry.log.length = 0;
    const instance = await open(dockerImage, ref, {});
    await expect(writeSnapshot(instance, { limits })).rejects.toMatchObject({ code: 'E_LIMIT', details: { size } });
    const dest = join(tempDir('out'), 'image');
    const failing = exportRef(newJob(), {
      instance,
      store: await newStore(),
      output: { type: 'oci', dest, tar: false },
      write: async () => undefined,
      options: { ...WRITE_OPTIONS, limits },
    });
    await expect(failing).rejects.toMatchObject({ code: 'E_LIMIT', details: { size } });
    expect(existsSync(dest)).toBe(false);
    expect(fetched()).toBe(0);
  });

  it('is measured by what it writes where nothing has to be fetched', async () => {
    const file = join(tempDir('archive'), 'image.tar');
    const layer = built.layer(tar([{ name: 'a', content: 'a' }]), 'none');
    const content = JSON.stringify([{ Config: 'c', RepoTags: ['a:1'], Layers: ['l'] }]);
    const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [layer.diffId] } };
    const bytes = built.blobs.get(layer.descriptor.digest)!;
    writeFileSync(
      file,
      tar([
        { name: 'manifest.json', content },
        { name: 'c', content: JSON.stringify(config) },
        { name: 'l', content: bytes },
      ]),
    );
    const instance = await open(dockerArchive, `docker-archive://${file}`, { maxBytes: 1 });
    const limits = { ...WRITE_OPTIONS.limits, maxBytes: 1 };
    expect((await writeSnapshot(instance, { limits })).report.bytes).toBe(1);
  });

  it('is not unpacked into the store', async () => {
    const limits = { maxFiles: 1 };
    const store = openStore({ root: tempDir('store'), limits });
    const ref = (await (await open(ociLayout, `oci-layout://${layout}`, limits, store)).snapshot(newJob()))!;
    await expect(ref.mount(newJob())).rejects.toMatchObject({ code: 'E_LIMIT' });
    await ref.release();
  });
});

describe('a single blob over --max-bytes', () => {
  it('is not received, whether or not anybody says its size', async () => {
    const remote = `docker-image+blob://${registry.host}/a/b@${blob.digest}`;
    const local = `oci-layout+blob://${layout}@${blob.digest}`;
    for (const [ref, silent] of [
      [remote, false],
      [remote, true],
      [local, false],
    ] as const) {
      registry.intercept = (request, response) => {
        if (!silent || request.method !== 'GET' || !request.url!.includes(blob.digest)) return false;
        // Without content-length.
        response.writeHead(200).write(built.blobs.get(blob.digest)!);
        response.end();
        return true;
      };
      const store = newStore();
      const error = await (await open(blobs, ref, { maxBytes: blob.size - 1 }, store)).pull!(newJob()).catch(
        (reason: CtxsrcError) => reason,
      );
      expect(error, `${ref} ${silent}`).toMatchObject({
        code: 'E_LIMIT',
        message: expect.stringContaining(blob.digest) as string,
        hint: 'allow more with --max-bytes',
        details: { limit: blob.size - 1, ...(silent ? {} : { size: blob.size }) },
      });
      expect(readdirSync(join((await store).root, 'ingest'))).toEqual([]);
      await (await open(blobs, ref, { maxBytes: blob.size }, store)).pull!(newJob());
      // Nor is it larger than is wanted because it is there.
      const again = await open(blobs, ref, { maxBytes: blob.size - 1 }, store);
      await expect(again.pull!(newJob())).rejects.toMatchObject({ code: 'E_LIMIT' });
    }
    registry.intercept = undefined;
  });

  it('by the flag of pull and snapshot', async () => {
    const ref = `oci-layout+blob://${layout}@${blob.digest}`;
    const out = join(tempDir('out'), 'x');
    for (const args of [
      ['pull', ref],
      ['snapshot', ref, out],
      ['pull', `oci-layout://${layout}`],
    ]) {
      const run = await ctxsrc([...args, '--max-bytes', '1000']);
      expect(run).toMatchObject({ code: 8, stdout: '' });
      expect(run.stderr).toContain('--max-bytes');
    }
  });
});

describe('an archive of an image', () => {
  const layerBytes = built.blobs.get(blob.digest)!;
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [layers[0]!.diffId, layers[0]!.diffId] },
  });
  const members: TarEntry[] = [
    {
      name: 'manifest.json',
      content: JSON.stringify([{ Config: 'c', RepoTags: ['a:1'], Layers: ['1/layer.tar', '1/layer.tar'] }]),
    },
    { name: 'c', content: config },
    { name: '1/layer.tar', content: layerBytes },
  ];
  const file = join(tempDir('archive'), 'image.tar');
  writeFileSync(file, tar(members));

  it('has no more members than --max-files', async () => {
    const key = async (maxFiles: number) =>
      (await open(dockerArchive, `docker-archive://${file}`, { maxFiles })).cacheKey(newJob(), 0);
    await expect(key(2)).rejects.toMatchObject({ code: 'E_LIMIT', hint: 'allow more with --max-files' });
    expect((await key(3)).pin).toBe(digestOf(config));
  });

  it('is not read beyond --max-bytes for the digests of its layers, each of which is read once', async () => {
    const key = async (maxBytes: number) =>
      (await open(dockerArchive, `docker-archive://${file}`, { maxBytes })).cacheKey(newJob(), 0);
    await expect(key(layerBytes.length - 1)).rejects.toMatchObject({
      code: 'E_LIMIT',
      details: { size: layerBytes.length },
    });
    expect((await key(layerBytes.length)).pin).toBe(digestOf(config));
  });
});
