import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Attributes, Store } from '../../../src/contract/index.ts';
import { chainId } from '../../../src/core/chain-id.ts';
import { formatLayoutReference, parseLayoutReference } from '../../../src/source/layout-reference.ts';
import { source } from '../../../src/source/oci-layout/source.ts';
import { openStore } from '../../../src/store/store.ts';
import { packageRoot } from '../../support/cli.ts';
import { fakeJob } from '../../support/fake-ref.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { newEnv } from '../../support/source-env.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}` as const;
const FIXTURES = join(packageRoot, 'fixtures', 'layouts');

function identify(rest: string, attributes: Attributes = {}) {
  return source.identify({ scheme: 'oci-layout', rest, text: `oci-layout://${rest}` }, attributes);
}

function open(rest: string, store: Store = new MemoryStore(), attributes: Attributes = {}) {
  return source.resolve(identify(rest, attributes), newEnv(store, { offline: true }));
}

const key = async (rest: string) => (await open(rest).cacheKey(fakeJob(), 1)).key;

describe('parseLayoutReference', () => {
  const parse = (text: string, ...existing: string[]) => {
    return parseLayoutReference(text, (path) => existing.includes(path));
  };

  it.each([
    ['./a', [], './a', undefined, undefined],
    ['./a:v1', [], './a', 'v1', undefined],
    ['./a:v1', ['./a:v1', './a'], './a:v1', undefined, undefined],
    ['./a:v1:v2', ['./a:v1', './a'], './a:v1', 'v2', undefined],
    ['./a:v1:v2', ['./a'], './a', 'v1:v2', undefined],
    ['./a:reg/x:1', ['./a'], './a', 'reg/x:1', undefined],
    ['./a:b/c', ['./a:b/c'], './a:b/c', undefined, undefined],
    ['./a@b', ['./a@b'], './a@b', undefined, undefined],
    [`./a@b@${DIGEST}`, ['./a@b'], './a@b', undefined, DIGEST],
    [`./a@${DIGEST}`, [], './a', undefined, DIGEST],
    [`./a:v1@${DIGEST}`, [], './a', 'v1', DIGEST],
    [`./a:v1@${DIGEST}`, ['./a'], './a', 'v1', DIGEST],
    ['./a%20b:%41', ['./a%20b'], './a%20b', '%41', undefined],
    ['/x:1/y', [], '/x:1/y', undefined, undefined],
  ] as const)('%s with %j there', (text, existing, path, tag, digest) => {
    expect(parse(text, ...existing)).toEqual({ path, tag, digest });
  });

  it.each([
    ['', 'E_REFERENCE'],
    [':v1', 'E_REFERENCE'],
    [`@${DIGEST}`, 'E_REFERENCE'],
    ['./a:', 'E_REFERENCE'],
    [`./a:@${DIGEST}`, 'E_REFERENCE'],
    ['./a@sha256:abc', 'E_DIGEST_INVALID'],
    [`./a@${DIGEST.toUpperCase()}`, 'E_DIGEST_INVALID'],
  ])('refuses %j', (text, code) => {
    expect(() => parse(text, './a')).toThrow(expect.objectContaining({ code, exit: 2 }));
  });

  it('reads back what it prints', () => {
    const path = fc.string({ unit: fc.constantFrom(...'a:@/.%'), minLength: 1, maxLength: 8 });
    const tag = fc.option(fc.stringMatching(/^[a-z0-9.]{1,5}$/), { nil: undefined });
    const digest = fc.option(fc.constant(DIGEST), { nil: undefined });
    fc.assert(
      fc.property(path, tag, digest, (...parts) => {
        const reference = { path: parts[0], tag: parts[1], digest: parts[2] };
        const text = formatLayoutReference(reference).slice('oci-layout://'.length);
        expect(parseLayoutReference(text, (candidate) => candidate === reference.path)).toEqual(reference);
      }),
    );
  });
});

describe('identify', () => {
  it('round-trips and reads the attributes', () => {
    const id = identify('./base:v1', { platform: 'aarch64', 'layer-limit': '1' });
    expect(String(id)).toBe('oci-layout://./base:v1');
    expect(id.attributes).toEqual({ platform: 'linux/arm64', 'layer-limit': 1 });
    expect(identify('./base:v1', id.attributes).toJSON()).toEqual(id.toJSON());
  });

  it('has no checksum', () => {
    expect(() => identify('./base', { checksum: DIGEST })).toThrow(expect.objectContaining({ code: 'E_ATTRIBUTE' }));
  });
});

describe('an image in a layout', () => {
  const stores: Store[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
  });

  function build() {
    const layout = new LayoutBuilder();
    const layers = ['a', 'b'].map((name) => layout.layer(tar([{ name, content: `file ${name}` }])));
    const image = layout.image({ layers });
    const other = layout.image({ layers: layers.slice(0, 1) });
    return { layout, layers, image, other };
  }

  it('key, digest and what is described, without a byte in the store', async () => {
    const store = new MemoryStore();
    const { layout, layers, image } = build();
    const dir = layout.tag(image, 'v1').write(tempDir('layout'));
    const instance = open(`${dir}:v1`, store);
    expect(await instance.cacheKey(fakeJob(), 1)).toMatchObject({
      key: chainId(layers.map(({ diffId }) => diffId)),
      pin: image.digest,
      done: true,
    });
    const digests = await instance.digests!(fakeJob());
    expect(digests.digest).toBe(image.digest);
    expect(digests.pinned).toBe(`oci-layout://${dir}:v1@${image.digest}`);
    expect(await key(digests.pinned!.slice('oci-layout://'.length))).toBe(chainId(layers.map(({ diffId }) => diffId)));
    expect(await instance.candidates!(fakeJob())).toEqual(['v1']);
    expect((await instance.describe!(fakeJob())).layers).toHaveLength(2);
    expect(store.content.size).toBe(0);
  });

  it('a digest names any manifest or index there, listed or not', async () => {
    const { layout, image, other, layers } = build();
    const index = layout.index([{ ...image, platform: { os: 'linux', architecture: 'amd64' } }]);
    const dir = layout.tag(other, 'other').write(tempDir('layout'));
    expect(await key(`${dir}@${image.digest}`)).toBe(chainId(layers.map(({ diffId }) => diffId)));
    expect((await open(`${dir}@${index.digest}`).cacheKey(fakeJob(), 0)).pin).toBe(index.digest);
    await expect(key(`${dir}@${DIGEST}`)).rejects.toMatchObject({ code: 'E_BLOB_NOT_FOUND', exit: 3 });
    const { config } = JSON.parse(layout.blobs.get(image.digest)!.toString()) as { config: { digest: string } };
    for (const [digest, what] of [
      [layers[0]!.descriptor.digest, 'a layer'],
      [config.digest, 'an image ID'],
    ] as const) {
      await expect(key(`${dir}@${digest}`)).rejects.toMatchObject({
        code: 'E_NOT_AN_IMAGE',
        exit: 5,
        message: expect.stringContaining(what) as string,
        hint: expect.stringContaining(`oci-layout+blob://${dir}@${digest}`) as string,
      });
    }
  });

  it('a digest needs no index.json, which may be longer than is read', async () => {
    const { layout, image } = build();
    const dir = layout.tag(image).write(tempDir('layout'));
    truncateSync(join(dir, 'index.json'), 1e9);
    await expect(key(dir)).rejects.toMatchObject({
      code: 'E_LIMIT',
      hint: `name the image by its digest: oci-layout://${dir}@sha256:…`,
    });
    expect((await open(`${dir}@${image.digest}`).cacheKey(fakeJob(), 0)).pin).toBe(image.digest);
  });

  it('a digest decides, and a tag that moved is a warning', async () => {
    const { layout, image, other } = build();
    const dir = layout.tag(other, 'v1').write(tempDir('layout'));
    const job = fakeJob();
    expect((await open(`${dir}:v1@${image.digest}`).cacheKey(job, 0)).pin).toBe(image.digest);
    expect(job.events).toEqual([expect.objectContaining({ type: 'message', level: 'warning' })]);
    const quiet = fakeJob();
    await open(`${dir}:v1@${other.digest}`).cacheKey(quiet, 0);
    expect(quiet.events).toEqual([]);
  });

  it('directories may have colons and at signs in their names', async () => {
    const { layout, image } = build();
    const dir = layout.tag(image, 'v1').write(join(tempDir('layout'), 'a:v1@b%2F'));
    expect((await open(dir).cacheKey(fakeJob(), 0)).pin).toBe(image.digest);
    expect((await open(`${dir}:v1`).cacheKey(fakeJob(), 0)).pin).toBe(image.digest);
  });

  it('the type of a root is what its content shows, the more exact one of index.json where they agree', async () => {
    const { layout, image } = build();
    const bare = JSON.parse(layout.blobs.get(image.digest)!.toString()) as Record<string, unknown>;
    delete bare.mediaType;
    const untyped = layout.json(bare, image.mediaType);
    const lying = { ...untyped, mediaType: 'application/vnd.oci.image.index.v1+json' };
    const dir = layout
      .tag(untyped, 'untyped')
      .tag({ ...lying }, 'lying')
      .write(tempDir('layout'));
    const typeOf = async (rest: string) => (await open(rest).digests!(fakeJob())).mediaType;
    expect(await typeOf(`${dir}:untyped`)).toBe('application/vnd.oci.image.manifest.v1+json');
    expect(await typeOf(`${dir}:lying`)).toBe('application/vnd.docker.distribution.manifest.v2+json');
    expect(await key(`${dir}:lying`)).toBe(await key(`${dir}:untyped`));
  });

  it.each<[string, (dir: string, blob: (digest: string) => string, image: string) => void, string, number]>([
    ['no oci-layout file', (dir) => rmSync(join(dir, 'oci-layout')), 'E_LAYOUT_INVALID', 5],
    [
      'an oci-layout file of another kind',
      (dir) => writeFileSync(join(dir, 'oci-layout'), '[]'),
      'E_LAYOUT_INVALID',
      5,
    ],
    [
      'an unknown version',
      (dir) => writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}'),
      'E_LAYOUT_INVALID',
      5,
    ],
    ['no index.json', (dir) => rmSync(join(dir, 'index.json')), 'E_LAYOUT_INVALID', 5],
    ['an index.json cut short', (dir) => truncateSync(join(dir, 'index.json'), 30), 'E_LAYOUT_INVALID', 5],
    [
      'an index.json that is a manifest',
      (dir) => writeFileSync(join(dir, 'index.json'), '{"layers":[]}'),
      'E_LAYOUT_INVALID',
      5,
    ],
    ['an empty index.json', (dir) => writeFileSync(join(dir, 'index.json'), '{"manifests":[]}'), 'E_NOT_FOUND', 3],
    ['a huge index.json', (dir) => truncateSync(join(dir, 'index.json'), 1e9), 'E_LIMIT', 8],
    [
      'an index.json that is a directory',
      (dir) => {
        rmSync(join(dir, 'index.json'));
        mkdirSync(join(dir, 'index.json'));
      },
      'E_UNSAFE',
      8,
    ],
    ['a missing manifest', (_, blob, image) => rmSync(blob(image)), 'E_BLOB_NOT_FOUND', 3],
    ['a manifest cut short', (_, blob, image) => truncateSync(blob(image), 100), 'E_SIZE_MISMATCH', 5],
    ['a huge manifest', (_, blob, image) => truncateSync(blob(image), 5 * 1024 * 1024), 'E_LIMIT', 8],
    [
      'a manifest that is a pipe',
      (_, blob, image) => {
        rmSync(blob(image));
        execFileSync('mkfifo', [blob(image)]);
      },
      'E_UNSAFE',
      8,
    ],
    [
      'a manifest that is a link out of the layout',
      (dir, blob, image) => {
        renameSync(blob(image), `${dir}-outside`);
        symlinkSync(`${dir}-outside`, blob(image));
      },
      'E_UNSAFE',
      8,
    ],
    [
      'a manifest that is a link to itself',
      (_, blob, image) => {
        rmSync(blob(image));
        symlinkSync(blob(image), blob(image));
      },
      'E_IO',
      74,
    ],
    [
      'blobs that lie elsewhere',
      (dir) => {
        renameSync(join(dir, 'blobs'), `${dir}-blobs`);
        symlinkSync(`${dir}-blobs`, join(dir, 'blobs'));
      },
      'E_UNSAFE',
      8,
    ],
  ])('refuses %s', async (_, spoil, code, exit) => {
    const { layout, image } = build();
    const dir = layout.tag(image, 'latest').write(join(tempDir('layout'), 'l'));
    spoil(dir, (digest) => join(dir, 'blobs', digest.replace(':', '/')), image.digest);
    await expect(key(dir)).rejects.toMatchObject({ code, exit });
  });

  describe.each(['a link out of it', 'a link to /dev/zero', 'a pipe', 'a socket', 'endless'])('what is %s', (kind) => {
    it.each(['oci-layout', 'index.json', 'manifest', 'config', 'layer'])(
      '%s is refused, and nothing hangs',
      async (file) => {
        const { layout, image, layers } = build();
        const dir = layout.tag(image, 'latest').write(join(tempDir('layout'), 'l'));
        const { config } = JSON.parse(layout.blobs.get(image.digest)!.toString()) as { config: { digest: string } };
        const digests: Record<string, string> = {
          manifest: image.digest,
          config: config.digest,
          layer: layers[1]!.descriptor.digest,
        };
        const digest = digests[file];
        const path = join(dir, digest === undefined ? file : `blobs/${digest.replace(':', '/')}`);
        let close = (): unknown => undefined;
        if (kind === 'endless') truncateSync(path, 2 ** 40);
        else {
          renameSync(path, `${dir}-moved`);
          if (kind === 'a link out of it') symlinkSync(`${dir}-moved`, path);
          else if (kind === 'a pipe') execFileSync('mkfifo', [path]);
          else if (kind === 'a socket') {
            // The path of a socket may have some hundred bytes only: it is bound elsewhere and moved.
            const bound = join(tempDir('s'), 's');
            const server = createServer().listen(bound);
            await once(server, 'listening');
            renameSync(bound, path);
            close = () => server.close();
          } else symlinkSync('/dev/zero', path);
        }
        const store = await openStore({ root: tempDir('store') });
        stores.push(store);
        const instance = open(dir, store);
        const write = async () => {
          const ref = await instance.snapshot(fakeJob());
          await ref!.writeTo(fakeJob(), tempDir('target'), {
            owner: 'current',
            mode: 'copy',
            limits: { maxBytes: 1e9, maxFiles: 1000, maxRatio: 1000 },
          });
        };
        const failed = file === 'layer' ? write() : instance.cacheKey(fakeJob(), 0);
        const wanted = kind !== 'endless' ? 'E_UNSAFE' : file === 'layer' ? 'E_SIZE_MISMATCH' : 'E_LIMIT';
        await expect(failed).rejects.toMatchObject({ code: wanted });
        close();
      },
    );
  });

  it('follows links within the layout, and one that is the layout', async () => {
    const { layout, image } = build();
    const dir = layout.tag(image, 'latest').write(join(tempDir('layout'), 'l'));
    const path = join(dir, 'blobs', image.digest.replace(':', '/'));
    renameSync(path, join(dir, 'elsewhere'));
    symlinkSync('../../elsewhere', path);
    symlinkSync(dir, `${dir}-link`);
    expect(await key(`${dir}-link`)).toBe(await key(dir));
  });

  it('says where there is none', async () => {
    await expect(key(join(tempDir('layout'), 'nothing:v1'))).rejects.toMatchObject({
      code: 'E_PATH_NOT_FOUND',
      exit: 3,
    });
    await expect(key(`${join(packageRoot, 'package.json')}:v1`)).rejects.toMatchObject({ code: 'E_LAYOUT_INVALID' });
  });

  it('snapshot reads a layout in place, and pull copies it', async () => {
    const { layout, layers, image } = build();
    const dir = layout.tag(image, 'latest').write(tempDir('layout'));
    for (const path of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
      if (!path.includes('.'))
        chmodSync(join(dir, path), path.includes('/') && !path.endsWith('sha256') ? 0o444 : 0o555);
    }
    const before = listing(dir);
    const store = await openStore({ root: tempDir('store') });
    stores.push(store);
    const instance = open(dir, store);
    const ref = await instance.snapshot(fakeJob());
    const target = tempDir('target');
    await ref!.writeTo(fakeJob(), target, {
      owner: 'current',
      mode: 'copy',
      limits: { maxBytes: 1e9, maxFiles: 1000, maxRatio: 1000 },
    });
    await ref!.release();
    expect(readdirSync(target).sort()).toEqual(['a', 'b']);
    for (const { descriptor } of layers) expect(await store.blobs.size(descriptor.digest)).toBeUndefined();
    await instance.pull!(fakeJob());
    for (const { digest, size } of [image, ...layers.map(({ descriptor }) => descriptor)]) {
      expect(await store.blobs.size(digest)).toBe(size);
    }
    expect(listing(dir)).toEqual(before);
  });

  function listing(dir: string): readonly (readonly [string, string])[] {
    return readdirSync(dir, { recursive: true, encoding: 'utf8', withFileTypes: false })
      .sort()
      .map((path) => {
        try {
          return [path, readFileSync(join(dir, path)).toString('hex')] as const;
        } catch {
          return [path, 'directory'] as const;
        }
      });
  }

  it.each([
    ['truncated-blob', 'E_SIZE_MISMATCH', 5],
    ['wrong-digest', 'E_DIGEST_MISMATCH', 5],
    ['wrong-size', 'E_SIZE_MISMATCH', 5],
    ['missing-blob', 'E_BLOB_NOT_FOUND', 3],
    ['wrong-diff-id', 'E_DIFF_ID_MISMATCH', 5],
  ])('fixture broken:%s has a key and no snapshot', async (tag, code, exit) => {
    const store = await openStore({ root: tempDir('store') });
    stores.push(store);
    const instance = open(`${join(FIXTURES, 'broken')}:${tag}`, store);
    expect((await instance.cacheKey(fakeJob(), 1)).done).toBe(true);
    const write = async () => {
      const ref = await instance.snapshot(fakeJob());
      await ref!.writeTo(fakeJob(), tempDir('target'), {
        owner: 'current',
        mode: 'copy',
        limits: { maxBytes: 1e9, maxFiles: 1000, maxRatio: 1000 },
      });
    };
    await expect(write()).rejects.toMatchObject({ code, exit });
  });

  it.each([
    ['too-few-diff-ids', 'E_IMAGE_CONFIG_INVALID', 5],
    ['config-no-json', 'E_IMAGE_CONFIG_INVALID', 5],
    ['missing-manifest', 'E_BLOB_NOT_FOUND', 3],
    ['wrong-manifest-digest', 'E_DIGEST_MISMATCH', 5],
    ['schema-1', 'E_SCHEMA1', 5],
    ['schema-1-disguised', 'E_SCHEMA1', 5],
    ['contains-itself', 'E_DIGEST_MISMATCH', 5],
    ['tag-twice', 'E_TAG_AMBIGUOUS', 2],
  ])('fixture broken:%s has no key', async (tag, code, exit) => {
    await expect(key(`${join(FIXTURES, 'broken')}:${tag}`)).rejects.toMatchObject({ code, exit });
  });

  it('the same layers give the same content key, however they are packed and indexed', async () => {
    const fixture = join(FIXTURES, 'everything');
    const keys = await Promise.all(
      ['latest', 'amd64', 'zstd', 'uncompressed', 'docker', 'nested'].map((tag) => key(`${fixture}:${tag}`)),
    );
    expect(new Set(keys).size).toBe(1);
    const definition = async (tag: string) => (await open(`${fixture}:${tag}`).cacheKey(fakeJob(), 0)).key;
    expect(await definition('latest')).not.toBe(await definition('nested'));
    expect(await key(`${fixture}:no-layers`)).toBe(await definition('no-layers'));
    expect(await open(`${fixture}:no-layers`).snapshot(fakeJob())).toBeNull();
  });
});
