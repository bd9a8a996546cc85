import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ImageDocuments, SourceInstance } from '../../../src/contract/source.ts';
import type { Store, StoreAdmin } from '../../../src/contract/store.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { exportRef } from '../../../src/snapshot/export/export.ts';
import { parseExportOutput } from '../../../src/snapshot/export/output.ts';
import { openStore } from '../../../src/store/store.ts';
import { type StoredImage, storeImage } from '../../store/image.ts';
import { testJob } from '../../store/job.ts';
import { countingRecipe, oddTree, reportOn, WRITE } from '../../store/recipe.ts';
import { needs } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';

const nothing = async (): Promise<void> => undefined;

async function setUp(): Promise<{ base: string; store: Store & StoreAdmin }> {
  const base = tempDir('export');
  return { base, store: await openStore({ root: join(base, 'cache') }) };
}

/** A source of one ref, and of an image when there is one. */
function instanceOf(
  store: Store,
  make: (dir: string) => void,
  layered: boolean,
  documents?: ImageDocuments,
): SourceInstance {
  const { recipe } = countingRecipe(make);
  const { layers: _layers, ...bare } = recipe;
  return {
    cacheKey: () => Promise.reject(new Error('not asked for')),
    snapshot: () => store.ref(layered ? recipe : bare),
    ...(documents === undefined ? {} : { image: async () => documents }),
  };
}

async function imageInstance(store: Store, image: StoredImage): Promise<SourceInstance> {
  const document = async ({ digest }: StoredImage['root']) => (await store.blobs.read(digest, 1 << 20))!;
  const documents: ImageDocuments = {
    manifest: { descriptor: image.root, bytes: await document(image.root) },
    config: { descriptor: image.config, bytes: await document(image.config) },
  };
  const layers = image.layers.map((descriptor, i) => ({
    descriptor,
    diffId: descriptor.digest,
    chainId: `${image.chainId}${i}`,
    fetch: nothing,
  }));
  const recipeOf = (count: number) => ({
    id: layers[count - 1]!.chainId,
    layers: layers.slice(0, count),
    produce: async (_job: unknown, dir: string) => reportOn(dir),
    prefix: recipeOf,
  });
  return {
    cacheKey: () => Promise.reject(new Error('not asked for')),
    snapshot: () => store.ref(recipeOf(layers.length)),
    image: async () => documents,
  };
}

describe('output', () => {
  it.each([
    ['type=tar,dest=a.tar', { type: 'tar', dest: 'a.tar', tar: true }],
    ['dest=-,type=oci', { type: 'oci', dest: '-', tar: true }],
    ['type=oci,dest=dir,tar=false', { type: 'oci', dest: 'dir', tar: false }],
  ])('%s', (text, output) => expect(parseExportOutput(text)).toEqual(output));

  it.each([
    '',
    'a.tar',
    'type=zip,dest=a',
    'type=tar',
    'type=tar,dest=',
    'type=tar,dest=a,tar=false',
    'type=oci,dest=-,tar=false',
    'type=oci,dest=a,dest=b',
    'type=oci,dest=a,tar=yes',
  ])('refuses %j', (text) =>
    expect(() => parseExportOutput(text)).toThrow(expect.objectContaining({ code: 'E_USAGE' })),
  );
});

describe('files', () => {
  it.skipIf(!needs('tar'))('GNU tar makes the same tree of the archive', async () => {
    const { base, store } = await setUp();
    const instance = instanceOf(store, oddTree, true);
    const [dest, out, direct] = [join(base, 'a.tar'), join(base, 'out'), join(base, 'direct')];
    const request = {
      instance,
      store,
      write: nothing,
      options: WRITE,
      output: { type: 'tar', dest, tar: true },
    } as const;
    const exported = await exportRef(testJob(), request);
    expect(exported).toEqual({ digest: sha256(readFileSync(dest)), size: readFileSync(dest).length });
    expect(readFileSync(dest).length % 10_240).toBe(0);
    for (const dir of [out, direct]) mkdirSync(dir);
    execFileSync('tar', ['-x', '--xattrs', '--xattrs-include=*', '-p', '-f', dest, '-C', out], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    oddTree(direct);
    // The times of the run itself differ between the two trees.
    const of = (dir: string) =>
      listTree(dir, { xattrs: true }).map(({ mtime, ...entry }) => ({
        ...entry,
        mtime: mtime.startsWith('1') && mtime.length > 18 && BigInt(mtime) > 1_750_000_000_000_000_000n ? '' : mtime,
      }));
    expect(of(out)).toEqual(of(direct));
    expect(readdirSync(base).filter((name) => name.startsWith('.'))).toEqual([]);
    await store.close();
    expect(readdirSync(join(base, 'cache/tmp'))).toEqual([]);
  });

  it('are the same bytes at any time, and 0:0, when they come from no image', async () => {
    const { base, store } = await setUp();
    const make = (dir: string) => {
      mkdirSync(join(dir, 'b'));
      for (const name of ['b/é', 'a', `b/${'long'.repeat(60)}`]) writeFileSync(join(dir, name), name);
      symlinkSync('x'.repeat(150), join(dir, 'link'));
      chmodSync(join(dir, 'a'), 0o755);
    };
    const digests = new Set<string>();
    for (const dest of ['1.tar', '2.tar']) {
      const output = { type: 'tar', dest: join(base, dest), tar: true } as const;
      const exported = await exportRef(testJob(), {
        instance: instanceOf(store, make, false),
        store,
        write: nothing,
        options: WRITE,
        output,
      });
      digests.add(exported.digest);
    }
    expect(digests.size).toBe(1);
    const listing = execFileSync('tar', ['-tv', '--numeric-owner', '--utc', '-f', join(base, '1.tar')], {
      encoding: 'utf8',
    }).split('\n');
    expect(listing[0]).toMatch(/^-rwxr-xr-x 0\/0 +1 1970-01-01 00:00 a$/);
    expect(listing).toHaveLength(6);
    const output = { type: 'tar', dest: join(base, 'epoch.tar'), tar: true } as const;
    await exportRef(testJob(), {
      instance: instanceOf(store, make, false),
      store,
      write: nothing,
      options: { ...WRITE, epoch: 86_400 },
      output,
    });
    expect(execFileSync('tar', ['-tv', '--utc', '-f', output.dest], { encoding: 'utf8' })).toMatch(
      /1970-01-02 00:00 a\n/,
    );
  });

  it('go to standard output as they come', async () => {
    const { store } = await setUp();
    const chunks: Uint8Array[] = [];
    const content = randomBytes(3 << 20);
    const make = (dir: string) => writeFileSync(join(dir, 'big'), content);
    const exported = await exportRef(testJob(), {
      instance: instanceOf(store, make, true),
      store,
      options: WRITE,
      output: { type: 'tar', dest: '-', tar: true },
      write: async (chunk) => void chunks.push(chunk),
    });
    expect(sha256(Buffer.concat(chunks))).toBe(exported.digest);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(2 << 20);
  });

  it('take the place of no pipe, device or link to one: root would lose /dev/null', async () => {
    const { base, store } = await setUp();
    execFileSync('mkfifo', [join(base, 'pipe')]);
    symlinkSync('/dev/null', join(base, 'null'));
    symlinkSync('missing', join(base, 'dangling'));
    const to = (dest: string) =>
      exportRef(testJob(), {
        instance: instanceOf(store, oddTree, true),
        store,
        write: nothing,
        options: WRITE,
        output: { type: 'tar', dest, tar: true },
      });
    for (const dest of [join(base, 'pipe'), join(base, 'null'), '/dev/stdout', '/proc/self/fd/1']) {
      const refused = { code: 'E_TARGET_EXISTS', hint: expect.stringContaining('dest=-') };
      await expect(to(dest)).rejects.toMatchObject(refused);
    }
    expect(lstatSync(join(base, 'pipe')).isFIFO()).toBe(true);
    await to(join(base, 'dangling'));
    expect(lstatSync(join(base, 'dangling')).isFile()).toBe(true);
  });

  it('leave nothing when they cannot be written', async () => {
    const { base, store } = await setUp();
    mkdirSync(join(base, 'taken'));
    const failing = instanceOf(
      store,
      () => {
        throw new Error('cannot unpack');
      },
      true,
    );
    for (const [dest, instance, problem] of [
      ['out.tar', failing, 'cannot unpack'],
      ['taken', instanceOf(store, oddTree, true), 'is a directory'],
    ] as const) {
      const output = { type: 'tar', dest: join(base, dest), tar: true } as const;
      await expect(exportRef(testJob(), { instance, store, write: nothing, options: WRITE, output })).rejects.toThrow(
        problem,
      );
    }
    expect(readdirSync(base).sort()).toEqual(['cache', 'taken']);
    expect(readdirSync(join(base, 'cache/tmp'))).toEqual([]);
  });
});

describe('an image', () => {
  const tarLayer = (base: string, name: string): Buffer => {
    mkdirSync(join(base, name));
    writeFileSync(join(base, name, name), name);
    return execFileSync('tar', ['-c', '--owner=0', '--group=0', '-C', join(base, name), '.']);
  };

  it.skipIf(!needs('skopeo', 'umoci', 'tar'))(
    'is a layout, as a directory and as an archive, that skopeo and umoci read',
    async () => {
      const { base, store } = await setUp();
      const image = await storeImage(store, 'example.test/a:1', [tarLayer(base, 'one'), tarLayer(base, 'two')]);
      const instance = await imageInstance(store, image);
      const request = { instance, store, write: nothing, options: WRITE, name: 'v1' };
      const dir = await exportRef(testJob(), {
        ...request,
        output: { type: 'oci', dest: join(base, 'dir'), tar: false },
      });
      const file = await exportRef(testJob(), {
        ...request,
        output: { type: 'oci', dest: join(base, 'image.tar'), tar: true },
      });
      expect(dir.digest).toBe(image.root.digest);
      expect(file.digest).toBe(image.root.digest);
      execFileSync('umoci', ['unpack', '--rootless', '--image', `${join(base, 'dir')}:v1`, join(base, 'bundle')]);
      expect(readFileSync(join(base, 'bundle/rootfs/two'), 'utf8')).toBe('two');
      execFileSync('skopeo', [
        'copy',
        '--quiet',
        `oci-archive:${join(base, 'image.tar')}:v1`,
        `dir:${join(base, 'copied')}`,
      ]);
      expect(sha256(readFileSync(join(base, 'copied/manifest.json')))).toBe(image.root.digest);
      mkdirSync(join(base, 'unpacked'));
      execFileSync('tar', ['-x', '-f', join(base, 'image.tar'), '-C', join(base, 'unpacked')]);
      expect(listTree(join(base, 'unpacked'), { omit: ['mtime', 'uid', 'gid'] })).toEqual(
        listTree(join(base, 'dir'), { omit: ['mtime', 'uid', 'gid'] }),
      );
      await expect(
        exportRef(testJob(), { ...request, output: { type: 'oci', dest: join(base, 'dir'), tar: false } }),
      ).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    },
  );

  it.skipIf(!needs('skopeo'))('is read by skopeo from the store itself', async () => {
    const { base, store } = await setUp();
    const image = await storeImage(store, 'docker.io/library/a:1', [tarLayer(base, 'one')]);
    execFileSync('skopeo', [
      'copy',
      '--quiet',
      `oci:${store.root}:docker.io/library/a:1`,
      `dir:${join(base, 'copied')}`,
    ]);
    expect(sha256(readFileSync(join(base, 'copied/manifest.json')))).toBe(image.root.digest);
    expect(existsSync(join(base, 'copied', image.layers[0]!.digest.slice(7)))).toBe(true);
  });

  it('is refused when it is none, is cut, or has a damaged layer', async () => {
    const { base, store } = await setUp();
    const image = await storeImage(store, 'example.test/a:1', [1000, 2000]);
    const output = { type: 'oci', dest: join(base, 'a.tar'), tar: true } as const;
    const run = (instance: SourceInstance) =>
      exportRef(testJob(), { instance, store, write: nothing, options: WRITE, output });
    await expect(run(instanceOf(store, oddTree, false))).rejects.toMatchObject({ code: 'E_USAGE' });
    const whole = await imageInstance(store, image);
    await expect(
      run({ ...whole, snapshot: async () => (await whole.snapshot(testJob()))!.layerChain()[0]! }),
    ).rejects.toMatchObject({ code: 'E_USAGE' });
    writeFileSync(store.blobs.path(image.layers[0]!.digest), 'bad');
    await expect(run(whole)).rejects.toThrow();
    expect(readdirSync(base)).toEqual(['cache']);
  });
});
