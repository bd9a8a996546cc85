/** `cache ls`, `du` and `prune` as people see them: at any width, in any locale, whatever the names. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Screen, widthOf } from '../../src/cli/screen.ts';
import { pruneText, usageText } from '../../src/cli/store-table.ts';
import type { PruneReport, StoreRow, UsageReport } from '../../src/contract/store.ts';
import { formatAge } from '../../src/core/format.ts';
import { printable } from '../../src/core/printable.ts';
import { openStore } from '../../src/store/store.ts';
import { storeImage } from '../store/image.ts';
import { cliHome, ctxsrc } from '../support/cli.ts';

const plain: Screen = { width: 80, color: false, ascii: false, bars: true };
const row = (name: string, own: number, more: Partial<StoreRow> = {}): StoreRow => ({
  kind: 'image',
  name,
  own,
  shared: 0,
  length: own,
  lastUsed: Date.now() - 2 * 3600_000,
  inUse: [],
  count: 1,
  ...more,
});
const hostile = [
  '漢字'.repeat(40),
  '👩‍👩‍👧‍👦'.repeat(30),
  'e\u0301'.repeat(90),
  '\x1b[31mred\u202e',
  '::error::x\n::',
  '🇩🇪🚀'.repeat(20),
];
const report: UsageReport = {
  store: `/home/ana/${'漢'.repeat(60)}`,
  total: 4_351_000_000,
  free: 22_100_000_000,
  rows: [
    row('node:22-bookworm', 2_310_000_000, { shared: 118_000_000 }),
    row('registry.example/train:2026-11', 1_920_000_000, {
      inUse: [
        { pid: 4121, here: true },
        { pid: 1, here: false },
      ],
    }),
    ...hostile.map((name) => row(name, 500)),
  ],
  shared: [
    {
      bytes: 118_000_000,
      rows: [
        { kind: 'image', name: 'node:22-bookworm' },
        { kind: 'image', name: hostile[0]! },
      ],
    },
  ],
  reclaimable: 1000,
  unread: 0,
};

describe('the table of the store', () => {
  it.each([20, 40, 60, 80, 200])('fits %i columns, and holds nothing raw', (width) => {
    for (const ascii of [false, true]) {
      const text = usageText(report, undefined, { ...plain, width, ascii });
      for (const line of text.split('\n')) expect(widthOf(line), line).toBeLessThanOrEqual(width);
      expect(text.replaceAll('\n', '')).toBe(printable(text.replaceAll('\n', '')));
      if (ascii) expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    }
  });

  it('loses SHARED first, then LAST USED; and gets bars where there is room', () => {
    const head = (width: number): string =>
      usageText(report, undefined, { ...plain, width })
        .split('\n')
        .find((line) => line.includes('OWN'))!;
    expect(head(80).split(/ {2,}/)).toEqual(['', 'OWN', 'SHARED', 'LAST USED', 'WHAT']);
    expect(head(64).split(/ {2,}/)).toEqual(['', 'OWN', 'LAST USED', 'WHAT']);
    expect(head(40).split(/ {2,}/)).toEqual(['', 'OWN', 'WHAT']);
    const wide = usageText(report, undefined, { ...plain, width: 120 });
    expect(wide).toContain('  2.3 GB  ███████████');
    expect(usageText(report, undefined, { ...plain, width: 120, ascii: true })).toContain('  2.3 GB  ###########');
    expect(usageText(report, undefined, plain)).not.toContain('█');
  });

  it('says in words what is in use, by whom, and what is shared (S3)', () => {
    const lines = usageText(report, 10_000_000_000, { ...plain, width: undefined }).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        `store    ${report.store}: 4.4 GB, limit 10.0 GB, 22.1 GB free`,
        '  2.3 GB    118 MB  2 hours     image  node:22-bookworm',
        '  1.9 GB         -  in use      image  registry.example/train:2026-11',
        `  118 MB  shared, counted once: image node:22-bookworm, image ${hostile[0]}`,
        'in use by process 4121, process 1 of another container or machine: image registry.example/train:2026-11',
        '1.0 kB would come back: ctxsrc cache prune',
      ]),
    );
  });

  it('is twenty rows and a sum on a terminal, and whole in a pipe (S3)', () => {
    const many = { ...report, rows: Array.from({ length: 1224 }, (_, i) => row(`image-${i}`, 1000)), shared: [] };
    const shown = usageText(many, undefined, plain).split('\n');
    expect(shown.filter((line) => line.includes('image-'))).toHaveLength(20);
    expect(shown).toContain('1,204 more, 1.2 MB');
    const piped = usageText(many, undefined, { ...plain, width: undefined });
    expect(piped.split('\n').filter((line) => line.includes('image-'))).toHaveLength(1224);
  });

  it('says the same without colours', () => {
    const colored = usageText(report, undefined, { ...plain, color: true });
    expect(colored).toContain('\x1b[');
    expect(colored.replace(/\x1b\[[0-9;]*m/g, '')).toBe(usageText(report, undefined, plain));
  });

  it('of prune says what stays, and why; a dry run has the same rows (S4)', () => {
    const pruned: PruneReport = {
      removed: [],
      rows: [row('old', 1000)],
      shared: [],
      kept: [
        { ...row('train', 5000, { inUse: [{ pid: 7, here: true }] }), why: 'in use' },
        { ...row('young', 5000), why: 'recent' },
        { ...row('stat-cache', 5000), why: 'referenced' },
      ],
      freed: 1000,
      remaining: 10_000,
    };
    const dry = pruneText(pruned, [], true, plain).split('\n');
    const done = pruneText(pruned, [], false, plain).split('\n');
    expect(dry.slice(0, -2)).toEqual(done.slice(0, -2));
    expect(done).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/train: in use$/),
        expect.stringMatching(/young: used since then$/),
        // Below its row: there is no room behind it.
        `${' '.repeat(32)}saves work, or an image needs it; --all takes it`,
        'in use by process 7: image train',
        'freed 1.0 kB, 10.0 kB remain',
      ]),
    );
  });
});

it('says ages in the largest unit', () => {
  expect([1, 61_000, 3600_000, 47 * 3600_000, 15 * 24 * 3600_000].map(formatAge)).toEqual([
    'now',
    '1 minute',
    '1 hour',
    '1 day',
    '2 weeks',
  ]);
});

describe('cache du and prune', () => {
  it('give one document that adds up, and take the same filters (S4)', async () => {
    const home = cliHome();
    const root = join(home, 'cache', 'ctxsrc');
    const store = await openStore({ root });
    const layer = Buffer.alloc(50_000, 1);
    await storeImage(store, 'example.test/a:1', [layer, Buffer.alloc(10_000, 2)]);
    await storeImage(store, 'example.test/b:1', [layer]);
    const options = { home, env: { CTXSRC_CACHE_MAX_SIZE: '1GB' } };
    const used = JSON.parse((await ctxsrc(['cache', 'du', '--json'], options)).stdout) as UsageReport & {
      limit: number;
    };
    expect(used).toMatchObject({ schema: 'ctxsrc/v1', store: root, limit: 1_000_000_000 });
    const own = used.rows.reduce((sum, one) => sum + one.own, 0);
    expect(own + used.shared.reduce((sum, one) => sum + one.bytes, 0)).toBe(used.total);
    expect(used.shared.map(({ rows }) => rows.map(({ name }) => name).sort())).toEqual([
      ['example.test/a:1', 'example.test/b:1'],
    ]);
    const inUse = used.rows.find(({ name }) => name === 'example.test/a:1')!.inUse;
    expect(inUse).toEqual([{ pid: process.pid, here: true }]);
    const stays = await ctxsrc(['cache', 'prune', '--all', '--filter', 'name~=example'], { home });
    expect(stays.stdout).toContain(`in use by process ${process.pid}: image example.test/a:1`);
    await store.close();
    for (const what of ['ls', 'du']) {
      const chosen = await ctxsrc(['cache', what, '--filter', 'name=example.test/b:1'], { home });
      expect([chosen.stdout.match(/example\.test\/b:1/g)?.length, chosen.stdout.includes('a:1  ')]).toEqual([
        what === 'ls' ? 1 : 2,
        false,
      ]);
      expect((await ctxsrc(['cache', what, '--all'], { home })).code).toBe(2);
      expect((await ctxsrc(['cache', what, '--filter', 'size=1'], { home })).code).toBe(2);
    }
    const dry = await ctxsrc(['cache', 'prune', '--all', '--dry-run'], { home });
    const done = await ctxsrc(['cache', 'prune', '--all'], { home });
    expect(done.stdout.split('\n').slice(0, 5)).toEqual(dry.stdout.split('\n').slice(0, 5));
  });

  it('say so where there is no store, and make none', async () => {
    const home = cliHome();
    expect((await ctxsrc(['cache', 'ls'], { home })).stdout).toBe('nothing\n');
    expect((await ctxsrc(['cache', 'du'], { home })).stdout).toMatch(/^store {4}\S+: 0 B\n$/);
    expect(existsSync(join(home, 'cache', 'ctxsrc'))).toBe(false);
  });
});
