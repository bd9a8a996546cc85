/** What the store says it takes of the disk, against the disk. */
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/core/digest.ts';
import { ownedName } from '../../../src/store/process-identity.ts';
import { openStore } from '../../../src/store/store.ts';
import { tempDir } from '../../support/temp.ts';
import { storeImage } from '../image.ts';
import { testJob } from '../job.ts';
import { expectStoresAddUp } from './random-stores.ts';

describe('what the store takes of the disk', () => {
  it('adds up to what the disk says, and each row is what comes back without it (S2)', async () => {
    await expectStoresAddUp(20);
  }, 120_000);

  it('counts a file with three names once, and of a sparse one what is there, with both facts (S5)', async () => {
    const root = join(tempDir('usage'), 'cache');
    mkdirSync(join(root, 'stat-cache'), { recursive: true });
    const path = join(root, 'stat-cache', 'a');
    writeFileSync(path, Buffer.alloc(4096, 1));
    truncateSync(path, 1 << 30);
    for (const name of ['b', 'c']) linkSync(path, join(root, 'stat-cache', name));
    const { rows, total } = await (await openStore({ root })).usage();
    expect(total).toBe(lstatSync(path).blocks * 512);
    expect(total).toBeLessThan(100_000);
    expect(rows).toMatchObject([
      { kind: 'stat-cache', count: 3, own: total, length: 3 * (1 << 30) },
      { kind: 'store' },
    ]);
  });

  it.each([
    ['listed but not searched', 0o444],
    ['neither listed nor searched', 0o000],
  ])('is told without a folder that can be %s, which goes like any other', async (_, mode) => {
    const root = join(tempDir('usage'), 'cache');
    const store = await openStore({ root });
    await store.blobs.put(sha256('loose'), Buffer.from('loose'));
    await store.close();
    const closed = join(root, 'snapshots', 'x', 'fs', 'closed');
    mkdirSync(join(closed, 'below'), { recursive: true });
    for (const name of ['a', 'b', 'below/c']) writeFileSync(join(closed, name), Buffer.alloc(5000, 1));
    const asRoot = process.getuid?.() === 0;
    if (asRoot)
      for (const path of ['.', ...readdirSync(root, { recursive: true })])
        chownSync(join(root, `${path}`), 65534, 65534);
    chmodSync(closed, mode);
    if (asRoot) process.seteuid!(65534);
    try {
      const other = await openStore({ root });
      const { rows, unread } = await other.usage();
      expect(unread).toBe(1);
      expect(rows).toContainEqual(expect.objectContaining({ kind: 'snapshot', length: 0 }));
      expect((await other.list()).map(({ kind }) => kind)).toContain('snapshot');
      const report = await other.prune(testJob());
      expect(report.removed.map(({ kind }) => kind).sort()).toEqual(['blob', 'snapshot']);
      expect(readdirSync(join(root, 'snapshots'))).toEqual([]);
      await other.close();
    } finally {
      if (asRoot) process.seteuid!(0);
    }
  });

  it('is called by the names that people know, with the processes that use it', async () => {
    const root = join(tempDir('usage'), 'cache');
    const store = await openStore({ root });
    const image = await storeImage(store, 'docker.io/library/alpine:3.20', [1000]);
    await store.blobs.put(sha256('body'), Buffer.from('body'));
    await store.blobs.put(sha256('layer'), Buffer.from('layer'));
    await store.records.set('http', 'abc', { url: 'https://example.test/f.tgz?token=***', digest: sha256('body') });
    await store.records.set('image', 'docker.io/library/debian:13', { layers: [sha256('layer')], chainId: 'sha256:x' });
    mkdirSync(join(root, 'snapshots', 'x', 'fs'), { recursive: true });
    const header = { format: 2, id: image.chainId, uid: 0, boot: '', durable: true, files: 0, bytes: 0, count: 0 };
    writeFileSync(
      join(root, 'snapshots', 'x', 'snapshot.json'),
      JSON.stringify({ ...header, losses: [], lossCounts: {}, entries: sha256('') }),
    );
    const space = await store.workspace(testJob(), 'git', 'https://example.test/r.git');
    // A first download has no record yet.
    const download = await store.workspace(testJob(), 'http', 'def', 'https://example.test/new.tgz');
    mkdirSync(join(root, 'tmp', ownedName()));
    const { rows } = await store.usage();
    const here = [{ pid: process.pid, here: true }];
    expect(rows.map(({ kind, name, inUse }) => [kind, name, inUse]).sort()).toEqual([
      ['blob', 'docker.io/library/debian:13', here],
      ['blob', 'https://example.test/f.tgz?token=***', here],
      ['image', 'docker.io/library/alpine:3.20', here],
      ['record', 'what saves work', []],
      ['snapshot', 'docker.io/library/alpine:3.20', []],
      ['store', 'lists, locks and leases', []],
      ['temporary', 'what running processes write', here],
      ['workspace', 'git https://example.test/r.git', here],
      ['workspace', 'http https://example.test/new.tgz', here],
    ]);
    const names = async (filter: string): Promise<string[]> =>
      (await store.usage([filter])).rows.map(({ kind }) => kind);
    expect((await names('name~=alpine')).sort()).toEqual(['image', 'snapshot']);
    expect((await store.list(['name~=alpine', 'kind=image'])).map(({ id }) => id)).toEqual([
      'docker.io/library/alpine:3.20',
    ]);
    await expect(store.usage(['size=3'])).rejects.toMatchObject({ code: 'E_USAGE' });
    const kept = (await store.prune(testJob(), { all: true, filter: ['kind!=snapshot'], dryRun: true })).kept;
    expect(kept.map(({ kind, why }) => `${kind}: ${why}`).sort()).toEqual([
      'blob: in use',
      'blob: in use',
      'image: in use',
      'snapshot: filtered',
      'store: needed',
      'temporary: in use',
      'workspace: in use',
      'workspace: in use',
    ]);
    await download.release();
    await space.release();
    await store.close();
  });
});
