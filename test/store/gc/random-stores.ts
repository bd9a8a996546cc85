/** Random stores as they would lie on the disk, and what is said of them against the disk. */
import { linkSync, lstatSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { sha256 } from '../../../src/core/digest.ts';
import { removeTree } from '../../../src/fs/write/remove-tree.ts';
import { ownedName } from '../../../src/store/process-identity.ts';
import { openStore } from '../../../src/store/store.ts';
import { tempDir } from '../../support/temp.ts';
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

/** The figures of random stores add up to what the disk says, and each row is what comes back without it. */
export async function expectStoresAddUp(numRuns: number): Promise<void> {
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
    { numRuns },
  );
}
