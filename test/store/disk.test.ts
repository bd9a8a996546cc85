import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { removeFile } from '../../src/fs/write/remove-file.ts';
import { openStore } from '../../src/store/store.ts';
import { needs, needsRoot } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';
import { storeImage } from './image.ts';
import { testJob } from './job.ts';
import { buildChild, expectFiles, expectRecovery, startChild } from './processes.ts';
import { countingRecipe, WRITE } from './recipe.ts';

let script: string;
beforeAll(async () => {
  script = await buildChild();
});

const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0)) spawnSync('umount', ['-l', path]);
});

function mountTmpfs(path: string, options: string): void {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  mounted.push(path);
}

async function* body(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

describe.skipIf(!needsRoot('a full disk') || !needs('mount'))('a full disk', () => {
  it('as cache is said, leaves nothing, and works again when there is room', async () => {
    const root = join(tempDir('full'), 'cache');
    mountTmpfs(root, 'size=1m');
    const store = await openStore({ root });
    const bytes = randomBytes(2 << 20);
    const ingest = () =>
      store.blobs.ingest(testJob(), { digest: sha256(bytes) }, async ({ offset }) => ({
        body: body(bytes.subarray(offset)),
        offset,
      }));
    await expect(ingest()).rejects.toMatchObject({ code: 'E_DISK_FULL', exit: 74 });
    expect(readdirSync(join(root, 'ingest'))).toEqual([]);
    expect(await store.blobs.size(sha256(bytes))).toBeUndefined();
    await expect(store.blobs.put(sha256(bytes), bytes)).rejects.toMatchObject({ code: 'E_DISK_FULL' });
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
    const recipe = countingRecipe((dir) => writeFileSync(join(dir, 'f'), bytes)).recipe;
    await expect((await store.ref(recipe)).extract(testJob())).rejects.toMatchObject({ code: 'E_DISK_FULL' });
    expect((await store.verify(testJob())).problems).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=8m', root]);
    expect(await ingest()).toBe('stored');
  });

  it('as cache gets room by a collection', async () => {
    const root = join(tempDir('full'), 'cache');
    mountTmpfs(root, 'size=1m');
    const before = await openStore({ root });
    await storeImage(before, 'example.test/a:1', [1000]);
    await before.close();
    expect(() => writeFileSync(join(root, 'full'), Buffer.alloc(2 << 20))).toThrow('ENOSPC');
    const store = await openStore({ root });
    const { removed } = await store.prune(testJob(), { all: true });
    expect(removed.map(({ kind }) => kind)).toContain('image');
    expect(await store.list()).toMatchObject([{ kind: 'store' }]);
    expect(readdirSync(join(root, 'locks'))).toEqual([]);
    await store.close();
  });

  it('as target is said; as cache of a second request it only means that no copy is kept', async () => {
    const base = tempDir('full');
    mountTmpfs(join(base, 'cache'), 'size=1m');
    mountTmpfs(join(base, 'small'), 'size=1m');
    const store = await openStore({ root: join(base, 'cache') });
    const counted = countingRecipe((dir) => writeFileSync(join(dir, 'f'), randomBytes(2 << 20)));
    const ref = await store.ref(counted.recipe);
    for (const name of ['one', 'two', 'three']) {
      mkdirSync(join(base, name));
      await ref.writeTo(testJob(), join(base, name), WRITE);
    }
    expect(counted.made).toBe(3);
    expect(readdirSync(join(base, 'cache/snapshots'))).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=8m', join(base, 'cache')]);
    await ref.extract(testJob());
    await expect(ref.writeTo(testJob(), join(base, 'small'), WRITE)).rejects.toMatchObject({ code: 'E_DISK_FULL' });
    expect(counted.made).toBe(4);
  });
});

describe.skipIf(!needsRoot('a read-only file system') || !needs('mount'))('a read-only file system', () => {
  it('is read from, and where nothing is there it is done without', async () => {
    const base = tempDir('readonly');
    const root = join(base, 'fs/cache');
    mountTmpfs(join(base, 'fs'), 'size=8m');
    const before = await openStore({ root });
    const image = await storeImage(before, 'example.test/a:1', [1000]);
    const counted = countingRecipe(undefined, image.chainId);
    await (await before.ref(counted.recipe)).extract(testJob());
    await before.close();
    writeFileSync(join(root, 'locks/index~1-1-1-00-000000000000'), '');
    execFileSync('mount', ['-o', 'remount,ro', join(base, 'fs')]);
    await removeFile(join(root, 'none'));
    await expect(removeFile(join(root, 'store.json'))).rejects.toThrow('EROFS');
    const events: ProgressEvent[] = [];
    const store = await openStore({ root, progress: { emit: (event) => events.push(event) } });
    expect((await store.list()).map(({ kind }) => kind)).toContain('image');
    expect((await store.verify(testJob())).problems).toEqual([]);
    expect(await store.blobs.read(image.root.digest, 1 << 20)).toBeInstanceOf(Buffer);
    await store.blobs.put(sha256('new'), Buffer.from('new'));
    await store.records.set('kind', 'key', 1);
    expect(await store.records.get('kind', 'key')).toBeUndefined();
    expect(events).toMatchObject([{ type: 'message', level: 'note' }]);
    for (const name of ['one', 'two']) {
      mkdirSync(join(base, name));
      await (await store.ref(counted.recipe)).writeTo(testJob(), join(base, name), WRITE);
    }
    expect(counted.made).toBe(1);
    const other = countingRecipe(undefined, sha256('other'));
    mkdirSync(join(base, 'three'));
    await (await store.ref(other.recipe)).writeTo(testJob(), join(base, 'three'), WRITE);
    expect(other.made).toBe(1);
    await expect(
      store.blobs.ingest(testJob(), { digest: sha256('x') }, async () => ({ body: body(Buffer.from('x')), offset: 0 })),
    ).rejects.toMatchObject({ code: 'E_PERMISSION' });
    await store.close();
    const absent = await openStore({ root: join(base, 'fs/none') });
    expect(await absent.blobs.size(sha256('x'))).toBeUndefined();
    await absent.blobs.put(sha256('x'), Buffer.from('x'));
    await absent.close();
  });
});

describe('a store', () => {
  it('of a newer version is refused, and what is none is left alone', async () => {
    const base = tempDir('version');
    const root = join(base, 'cache');
    await storeImage(await openStore({ root }), 'example.test/a:1', [10]);
    writeFileSync(join(root, 'store.json'), '{"schema":"ctxsrc/store","version":2}');
    await expect(openStore({ root })).rejects.toMatchObject({ code: 'E_STORE_VERSION', exit: 8 });
    // What another tool made, or the root of a disk: a collection would take the images, or what lies in tmp.
    for (const name of readdirSync(root)) {
      if (!['oci-layout', 'index.json', 'blobs'].includes(name)) rmSync(join(root, name), { recursive: true });
    }
    mkdirSync(join(base, 'disk/tmp'), { recursive: true });
    mkdirSync(join(base, 'disk/etc'));
    mkdirSync(join(base, 'work/tmp'), { recursive: true });
    writeFileSync(join(base, 'work/tmp/file'), '');
    mkdirSync(join(base, 'home'));
    writeFileSync(join(base, 'home/file'), '');
    // Layouts of other blobs, and of images whose blobs are elsewhere.
    mkdirSync(join(base, 'other/blobs/sha512'), { recursive: true });
    mkdirSync(join(base, 'named/blobs/sha256'), { recursive: true });
    writeFileSync(join(base, 'named/index.json'), '{"schemaVersion":2,"manifests":[{}]}');
    for (const name of ['cache', 'disk', 'work', 'home', 'other', 'named']) {
      const before = readdirSync(join(base, name), { recursive: true });
      await expect(openStore({ root: join(base, name) })).rejects.toMatchObject({ code: 'E_USAGE' });
      expect(readdirSync(join(base, name), { recursive: true })).toEqual(before);
    }
    // An empty disk has a folder of its own.
    mkdirSync(join(base, 'empty/lost+found'), { recursive: true });
    const empty = await openStore({ root: join(base, 'empty') });
    await empty.blobs.put(sha256('x'), Buffer.from('x'));
    expect(existsSync(join(base, 'empty/store.json'))).toBe(true);
  });

  it('that was restored without its empty directories is written to again', async () => {
    const root = join(tempDir('restored'), 'cache');
    const before = await openStore({ root });
    await before.blobs.put(sha256('x'), Buffer.from('x'));
    await before.close();
    const empty = readdirSync(root, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && readdirSync(join(root, entry.name)).length === 0,
    );
    expect(empty.map(({ name }) => name)).toContain('tmp');
    for (const { name } of empty) rmdirSync(join(root, name));
    const store = await openStore({ root });
    await store.blobs.put(sha256('y'), Buffer.from('y'));
    expect(await store.blobs.size(sha256('y'))).toBe(1);
    expect((await store.list()).map(({ kind }) => kind)).toContain('blob');
    await store.close();
  });

  it('is not made by reading', async () => {
    const root = join(tempDir('lazy'), 'a/b/cache');
    const store = await openStore({ root });
    expect(await store.blobs.size(sha256('x'))).toBeUndefined();
    expect(await store.blobs.read(sha256('x'), 10)).toBeUndefined();
    expect(await store.records.get('kind', 'key')).toBeUndefined();
    expect(await store.list()).toEqual([]);
    expect((await store.usage()).total).toBe(0);
    await store.close();
    expect(existsSync(root)).toBe(false);
  });

  it('works on when it runs out of file descriptors once', { timeout: 60_000 }, async () => {
    const base = tempDir('emfile');
    const one = { root: join(base, 'cache'), target: join(base, 'target'), log: join(base, 'log'), blobSize: 300_000 };
    chmodSync(base, 0o700);
    const outcomes: (string | undefined)[] = [];
    for (const descriptors of [1, 2, 4, 20]) {
      const child = startChild(script, { ...one, target: `${one.target}-${descriptors}`, descriptors }, [
        'sh',
        '-c',
        `ulimit -n 100; exec "$@"`,
        'sh',
      ]);
      const { answer } = await child.ended;
      outcomes.push(answer?.error?.code);
      if (answer !== undefined && answer.error === undefined) expectFiles(`${one.target}-${descriptors}`, one.blobSize);
    }
    await expectRecovery(script, one);
    // What fails for want of descriptors is local I/O, never a wrong result.
    expect(outcomes).toContain('E_IO');
    expect(outcomes.every((code) => code === undefined || code === 'E_IO')).toBe(true);
  });
});
