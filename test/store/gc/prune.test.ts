import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Store, StoreAdmin } from '../../../src/contract/store.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { openStore } from '../../../src/store/store.ts';
import { tempDir } from '../../support/temp.ts';
import { storeImage } from '../image.ts';
import { testJob } from '../job.ts';
import { countingRecipe, WRITE } from '../recipe.ts';

let root: string;
let store: Store & StoreAdmin;

beforeEach(async () => {
  root = join(tempDir('prune'), 'cache');
  store = await openStore({ root });
});

/** Another process's view: one that leases nothing. */
async function stranger(): Promise<Store & StoreAdmin> {
  await store.close();
  return openStore({ root });
}

const blobNames = (): string[] => readdirSync(join(root, 'blobs/sha256')).sort();

function age(path: string, seconds: number): void {
  const then = Date.now() / 1000 - seconds;
  utimesSync(path, then, then);
}

describe('prune', () => {
  it('without options removes what nothing refers to, and only that', async () => {
    const image = await storeImage(store, 'example.test/a:1', [1000, 2000]);
    await store.blobs.put(sha256('loose'), Buffer.from('loose'));
    await store.blobs.put(sha256('recorded'), Buffer.from('recorded'));
    await store.records.set('http', 'https://example.test/f', { digest: sha256('recorded') });
    const [kept, gone] = [countingRecipe(undefined, image.chainId), countingRecipe(undefined, sha256('no image'))];
    for (const { recipe } of [kept, gone]) {
      const ref = await store.ref(recipe);
      await ref.extract(testJob());
      await ref.release();
    }
    const other = await stranger();
    const dry = await other.prune(testJob(), { dryRun: true });
    expect(blobNames()).toContain(sha256('loose').slice(7));
    const report = await other.prune(testJob());
    expect(report.removed).toEqual(dry.removed);
    expect(report.removed.map(({ kind, id }) => `${kind} ${id}`).sort()).toEqual(
      [`blob ${sha256('loose')}`, `snapshot ${sha256('no image')}`].sort(),
    );
    expect(report.freed).toBe(report.removed.reduce((sum, { size }) => sum + size, 0));
    expect(blobNames()).toHaveLength(5);
    expect(readdirSync(join(root, 'snapshots'))).toHaveLength(1);
    expect((await other.verify(testJob())).problems).toEqual([]);
    expect((await other.usage()).reclaimable).toBe(0);
  });

  it('keeps what a running process leases', async () => {
    await store.blobs.put(sha256('loose'), Buffer.from('loose'));
    const counted = countingRecipe();
    const ref = await store.ref(counted.recipe);
    await ref.extract(testJob());
    const other = await openStore({ root });
    expect((await other.prune(testJob(), { all: true })).removed.map(({ kind }) => kind)).toEqual([]);
    expect(await store.blobs.size(sha256('loose'))).toBe(5);
    await ref.release();
    await store.close();
    expect((await other.prune(testJob(), { all: true })).removed.map(({ kind }) => kind).sort()).toEqual([
      'blob',
      'snapshot',
    ]);
    expect(blobNames()).toEqual([]);
  });

  it('keeps at most so many bytes, least recently used first, and blobs that another image needs', async () => {
    const base = Buffer.alloc(10_000, 1);
    const old = await storeImage(store, 'example.test/old:1', [base, Buffer.alloc(20_000, 2)]);
    const young = await storeImage(store, 'example.test/young:1', [base, Buffer.alloc(30_000, 3)]);
    age(store.blobs.path(old.root.digest), 1000);
    age(store.blobs.path(young.root.digest), 10);
    const other = await stranger();
    const { total } = await other.usage();
    const report = await other.prune(testJob(), { maxSize: total - 1 });
    expect(report.removed.map(({ id }) => id)).toEqual(['example.test/old:1']);
    expect(report.remaining).toBeLessThan(total);
    expect(report.remaining).toBe((await other.usage()).total);
    expect(blobNames()).not.toContain(old.layers[1]!.digest.slice(7));
    expect(blobNames()).toContain(young.layers[0]!.digest.slice(7));
    const index = JSON.parse(await readFile(join(root, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
    expect(index.manifests.map(({ digest }) => digest)).toEqual([young.root.digest]);
    expect((await other.verify(testJob())).problems).toEqual([]);
    const rest = await other.prune(testJob(), { maxSize: 0 });
    expect(rest.kept).toMatchObject([{ kind: 'store', why: 'needed' }]);
    expect((await other.usage()).rows).toMatchObject([{ kind: 'store', own: rest.remaining }]);
  });

  /** Blobs of these texts, last used so many seconds ago. */
  async function putAged(seconds: Readonly<Record<string, number>>): Promise<void> {
    for (const [text, ago] of Object.entries(seconds)) {
      await store.blobs.put(sha256(text), Buffer.from(text));
      age(store.blobs.path(sha256(text)), ago);
    }
  }

  it('keeps what was used lately', async () => {
    await putAged({ old: 7200, young: 60 });
    const other = await stranger();
    const report = await other.prune(testJob(), { keepDuration: 3600_000 });
    expect(report.removed.map(({ id }) => id)).toEqual([sha256('old')]);
  });

  it('keeps what was used lately, too, where it keeps at most so many bytes, and says why', async () => {
    await putAged({ older: 9000, old: 7200, young: 60 });
    const other = await stranger();
    const { total } = await other.usage();
    const ids = ({ removed }: { removed: readonly { id: string }[] }) => removed.map(({ id }) => id);
    const both = { keepDuration: 3600_000, dryRun: true };
    expect(ids(await other.prune(testJob(), { ...both, maxSize: total }))).toEqual([]);
    expect(ids(await other.prune(testJob(), { ...both, maxSize: total - 1 }))).toEqual([sha256('older')]);
    const none = await other.prune(testJob(), { ...both, maxSize: 0 });
    expect(ids(none)).toEqual([sha256('older'), sha256('old')]);
    expect(none.kept).toContainEqual(expect.objectContaining({ kind: 'blob', why: 'recent' }));
  });

  it('obeys filters and refuses those it does not understand', async () => {
    await store.blobs.put(sha256('loose'), Buffer.from('loose'));
    await storeImage(store, 'example.test/a:1', [1000]);
    const other = await stranger();
    for (const filter of ['kind=record', 'id~=^nothing', 'kind!=blob']) {
      expect((await other.prune(testJob(), { filter: [filter] })).removed).toEqual([]);
    }
    const report = await other.prune(testJob(), { all: true, filter: ['kind=image', 'id~=^example'] });
    expect(report.removed.map(({ id }) => id)).toEqual(['example.test/a:1']);
    expect(blobNames()).toEqual([sha256('loose').slice(7)]);
    for (const filter of ['size=3', 'kind', 'id~=(']) {
      await expect(other.prune(testJob(), { filter: [filter] })).rejects.toMatchObject({ code: 'E_USAGE' });
    }
  });

  it('clears up after processes that died', async () => {
    await store.blobs.put(sha256('used'), Buffer.from('used'));
    const { boot, namespace } = (await import('../../../src/store/process-identity.ts')).ownIdentity();
    // A process of this boot that cannot be running, and one of another machine that fell silent.
    const dead = [`4194305-1-${namespace}-${boot}-0123456789ab`, `1-1-1-${'f'.repeat(32)}-0123456789ab`];
    for (const owner of dead) {
      await mkdir(join(root, 'leases', owner));
      writeFileSync(join(root, 'leases', owner, `blob-${sha256('used').replace(':', '-')}`), '');
      await mkdir(join(root, 'tmp', owner));
      writeFileSync(join(root, 'tmp', owner, 'half'), 'half');
      writeFileSync(join(root, 'locks', `collect~${owner}`), '');
      for (const dir of ['leases', 'tmp']) age(join(root, dir, owner), 120);
    }
    // The lock of the silent one would be watched for a while first.
    const { unlinkSync } = await import('node:fs');
    unlinkSync(join(root, 'locks', `collect~${dead[1]}`));
    const other = await stranger();
    const report = await other.prune(testJob());
    expect(report.removed.map(({ id }) => id)).toEqual([sha256('used')]);
    for (const dir of ['leases', 'tmp', 'locks']) expect(readdirSync(join(root, dir))).toEqual([]);
  });

  it.each(['a file', 'a line'])('keeps the lease of a living process of another container: %s', async (form) => {
    for (const name of ['used', 'other']) await store.blobs.put(sha256(name), Buffer.from(name));
    const other = await stranger();
    const owner = `1-1-1-${'f'.repeat(32)}-0123456789ab`;
    await mkdir(join(root, 'leases', owner));
    const resources = ['used', 'gone'].map((name) => `blob-${sha256(name).replace(':', '-')}`);
    if (form === 'a file') writeFileSync(join(root, 'leases', owner, resources[0]!), '');
    else writeFileSync(join(root, 'leases', owner, 'list'), `${resources.join('\n')}\n`);
    expect((await other.prune(testJob(), { all: true })).removed.map(({ id }) => id)).toEqual([sha256('other')]);
  });
});

describe('list', () => {
  it('shows what there is', async () => {
    const image = await storeImage(store, 'example.test/a:1', [1000]);
    const ref = await store.ref(countingRecipe(undefined, image.chainId).recipe);
    await ref.writeTo(testJob(), await store.tempDir(), WRITE);
    const space = await store.workspace(testJob(), 'git', 'https://example.test/r.git');
    writeFileSync(join(space.path, 'HEAD'), 'ref');
    const items = await store.list();
    expect(items.map(({ kind, id, leased, referenced }) => ({ kind, id, leased, referenced }))).toEqual(
      expect.arrayContaining([
        { kind: 'image', id: 'example.test/a:1', leased: true, referenced: true },
        { kind: 'record', id: `snapshot ${image.chainId.replace(':', '-')}`, leased: false, referenced: true },
        { kind: 'workspace', id: 'git https://example.test/r.git', leased: true, referenced: false },
      ]),
    );
    await space.release();
    const other = await stranger();
    expect((await other.prune(testJob())).removed.map(({ kind }) => kind)).toEqual(['workspace']);
  });
});

describe('what directories left in the store', () => {
  it('is listed, counted and removed with everything else', async () => {
    await mkdir(join(root, 'stat-cache'), { recursive: true });
    writeFileSync(join(root, 'stat-cache', 'a'), Buffer.alloc(100));
    const other = await stranger();
    const [cache] = await other.list(['kind=stat-cache']);
    expect(cache).toMatchObject({ kind: 'stat-cache', id: 'a', length: 100, referenced: true });
    const blocks = statSync(join(root, 'stat-cache', 'a')).blocks * 512;
    expect((await other.usage(['kind=stat-cache'])).rows).toMatchObject([{ count: 1, length: 100, own: blocks }]);
    expect((await other.prune(testJob())).removed).toEqual([]);
    expect((await other.prune(testJob(), { all: true })).freed).toBe(blocks);
    expect(readdirSync(join(root, 'stat-cache'))).toEqual([]);
  });
});

describe('verify', () => {
  it('finds, reports and removes what is bad', async () => {
    const image = await storeImage(store, 'example.test/a:1', [1000]);
    await storeImage(store, 'example.test/b:1', [1000]);
    const counted = countingRecipe(undefined, image.chainId);
    const ref = await store.ref(counted.recipe);
    const { path } = await ref.mount(testJob());
    writeFileSync(join(path, 'sub/f8'), 'scribble');
    writeFileSync(store.blobs.path(image.layers[0]!.digest), 'bad');
    await store.records.set('kind', 'key', 1);
    writeFileSync(join(root, 'records/kind', readdirSync(join(root, 'records/kind'))[0]!), '{"key":');
    const report = await store.verify(testJob());
    expect(report.problems.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      `blob ${image.layers[0]!.digest}`,
      `snapshot ${image.chainId}`,
      expect.stringMatching(/^record kind /),
      'index example.test/a:1',
    ]);
    expect((await store.verify(testJob())).problems).toEqual([]);
    expect(await store.blobs.size(image.layers[0]!.digest)).toBeUndefined();
  });

  it('begins a list of images anew that cannot be read', async () => {
    await storeImage(store, 'example.test/a:1', [1000]);
    writeFileSync(join(root, 'index.json'), '{');
    expect((await store.verify(testJob())).problems.map(({ kind }) => kind)).toEqual(['index']);
    expect(JSON.parse(await readFile(join(root, 'index.json'), 'utf8'))).toMatchObject({ manifests: [] });
  });
});
