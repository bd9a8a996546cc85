/** What the store says it takes of the disk, against the disk. */
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/core/digest.ts';
import { removeTree } from '../../../src/fs/write/remove-tree.ts';
import { ownedName } from '../../../src/store/process-identity.ts';
import { openStore } from '../../../src/store/store.ts';
import { tempDir } from '../../support/temp.ts';
import { storeImage } from '../image.ts';
import { testJob } from '../job.ts';

/** Blocks of all files below a folder, each file once, by the plainest walk. */
function blocksBelow(root: string): number {
  const files = new Map<string, number>();
  for (const path of readdirSync(root, { recursive: true }) as string[]) {
    const found = lstatSync(join(root, path));
    if (!found.isDirectory()) files.set(`${found.dev}:${found.ino}`, found.blocks * 512);
  }
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** A process that lives, so that nothing of it is cleared away. */
const me = ownedName();
const size = fc.constantFrom(0, 1, 100, 4096, 5000, 20_000);
const layer = fc.nat({ max: 5 });
const randomStore = fc.record({
  images: fc.array(fc.array(layer, { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
  sizes: fc.array(size, { minLength: 6, maxLength: 6 }),
  loose: fc.array(size, { maxLength: 3 }),
  recorded: fc.array(size, { maxLength: 2 }),
  trees: fc.array(
    fc.array(fc.tuple(size, fc.constantFrom('file', 'twice', 'outside', 'other', 'link', 'sparse')), { maxLength: 5 }),
    {
      maxLength: 3,
    },
  ),
  others: fc.array(
    fc.tuple(
      fc.constantFrom(
        'ingest',
        'stat-cache',
        'workspaces/git-abc/work',
        'records/http',
        `tmp/${me}`,
        `leases/${me}`,
        'blobs/sha256/dir',
        'mine',
      ),
      size,
    ),
    { maxLength: 6 },
  ),
});
type RandomStore = typeof randomStore extends fc.Arbitrary<infer T> ? T : never;

/** Writes a store as it would lie on the disk. */
function writeStore(root: string, plan: RandomStore): void {
  const put = (path: string, content: string | Buffer): string => {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    return full;
  };
  const blob = (content: Buffer | string): { digest: string; size: number } => {
    const bytes = Buffer.from(content);
    const digest = sha256(bytes);
    put(join('blobs', 'sha256', digest.slice(7)), bytes);
    return { digest, size: bytes.length };
  };
  const layerType = 'application/vnd.oci.image.layer.v1.tar';
  const manifests = plan.images.map((layers, i) => {
    const config = { mediaType: 'application/vnd.oci.image.config.v1+json', ...blob(`{"number":${i}}`) };
    const described = layers.map((n) => ({ mediaType: layerType, ...blob(Buffer.alloc(plan.sizes[n]!, n + 1)) }));
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const annotations = { 'org.opencontainers.image.ref.name': `example.test/${i}` };
    return {
      mediaType,
      ...blob(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: described })),
      annotations,
    };
  });
  mkdirSync(join(root, 'tmp'));
  put('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
  put('index.json', JSON.stringify({ schemaVersion: 2, manifests }));
  put('store.json', '{"schema":"ctxsrc/store","version":1}');
  for (const [i, bytes] of plan.loose.entries()) blob(Buffer.alloc(bytes, 100 + i));
  for (const [i, bytes] of plan.recorded.entries()) {
    const value = { url: `https://example.test/${i}`, digest: blob(Buffer.alloc(bytes, 200 + i)).digest };
    put(`records/http/${i}.json`, JSON.stringify({ key: String(i), value }));
  }
  const outside = join(root, '..', 'outside');
  mkdirSync(outside);
  for (const [i, files] of plan.trees.entries()) {
    mkdirSync(join(root, 'snapshots', String(i), 'fs'), { recursive: true });
    for (const [j, [bytes, how]] of files.entries()) {
      const name = `snapshots/${i}/fs/${j}`;
      if (how === 'link') {
        symlinkSync('nowhere', join(root, name));
        continue;
      }
      const path = put(name, Buffer.alloc(bytes, 1));
      if (how === 'twice') linkSync(path, `${path}-again`);
      if (how === 'outside') linkSync(path, join(outside, `${i}-${j}`));
      if (how === 'other') linkSync(path, `${put(`snapshots/other/fs/${i}-${j}`, '')}-linked`);
      if (how === 'sparse') truncateSync(path, 1 << 30);
    }
  }
  for (const [i, [folder, bytes]] of plan.others.entries()) put(`${folder}/${i}`, Buffer.alloc(bytes, 1));
}

describe('what the store takes of the disk', () => {
  it('adds up to what the disk says, and each row is what comes back without it', async () => {
    await fc.assert(
      fc.asyncProperty(randomStore, fc.nat(), async (plan, choice) => {
        const home = tempDir('usage');
        const root = join(home, 'cache');
        mkdirSync(root);
        writeStore(root, plan);
        try {
          const store = await openStore({ root });
          const before = blocksBelow(root);
          const disk = blocksBelow(home);
          const { total, rows, shared } = await store.usage();
          expect(total).toBe(before);
          const sum = (list: readonly { own?: number; bytes?: number }[]): number =>
            list.reduce((bytes, one) => bytes + (one.own ?? one.bytes ?? 0), 0);
          expect(sum(rows) + sum(shared)).toBe(before);
          const named = (row: { kind: string; name: string }): string => `${row.kind} ${row.name}`;
          for (const row of rows) {
            const parts = shared.filter((group) => group.rows.some((other) => named(other) === named(row)));
            expect(row.shared).toBe(sum(parts));
          }
          const removable = rows.filter(({ kind }) => !['store', 'temporary', 'record', 'stat-cache'].includes(kind));
          const row = removable[choice % Math.max(1, removable.length)];
          if (row === undefined) return;
          const filter = [`kind=${row.kind}`, `name=${row.name}`];
          const dry = await store.prune(testJob(), { all: true, filter, dryRun: true });
          const report = await store.prune(testJob(), { all: true, filter });
          expect([report.rows, report.freed]).toEqual([dry.rows, dry.freed]);
          expect(disk - blocksBelow(home)).toBe(row.own);
          expect(report.freed).toBe(row.own);
          expect(dry.remaining).toBe(report.remaining);
          expect(report.remaining).toBe(blocksBelow(root));
        } finally {
          await removeTree(home);
        }
      }),
      { numRuns: 200 },
    );
  }, 120_000);

  it('counts a file with three names once, and of a sparse one what is there, with both facts', async () => {
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
    ]);
    await space.release();
    await store.close();
  });
});
