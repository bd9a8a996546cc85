/** Stores with damage: they are listed, measured and cleared, and what is wrong is told. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Digest, sha256 } from '../../../src/core/digest.ts';
import { openStore } from '../../../src/store/store.ts';
import { cliEnv, cliHome, ctxsrc } from '../../support/cli.ts';
import { needsRoot } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';
import { storeImage } from '../image.ts';
import { testJob } from '../job.ts';
import { countingRecipe } from '../recipe.ts';

const HOW: Readonly<Record<string, (path: string) => void>> = {
  cut: (path) => writeFileSync(path, '{"a":'),
  'another document': (path) => writeFileSync(path, '{"format":2,"key":1,"manifests":[null],"config":{"digest":7}}'),
  'a folder': (path) => mkdirSync(join(path, 'x'), { recursive: true }),
  'a pipe': (path) => execFileSync('mkfifo', [path]),
};

let whole: string;
let chainId: Digest;
/** Of each kind one file, by its path. */
let files: Record<string, string>;
beforeAll(async () => {
  whole = join(tempDir('whole'), 'cache');
  const store = await openStore({ root: whole });
  const stored = await storeImage(store, 'example.test/a:1', [1000]);
  chainId = stored.chainId as Digest;
  await (await store.ref(countingRecipe(undefined, stored.chainId).recipe)).extract(testJob());
  await store.records.set('http', 'key', { url: 'https://example.test/f' });
  await (await store.workspace(testJob(), 'git', 'https://example.test/r.git')).release();
  await store.entryIndexes.put(sha256('layer'), [Buffer.from('rows')]);
  await store.close();
  for (const name of ['stat-cache/a', 'ingest/sha256-abc']) {
    mkdirSync(join(whole, dirname(name)), { recursive: true });
    writeFileSync(join(whole, name), 'x');
  }
  const first = (folder: string, ...rest: string[]): string =>
    join(folder, readdirSync(join(whole, folder)).sort()[0]!, ...rest);
  files = {
    index: 'index.json',
    marker: 'store.json',
    layout: 'oci-layout',
    manifest: `blobs/${stored.root.digest.replace(':', '/')}`,
    snapshot: first('snapshots', 'snapshot.json'),
    record: first('records/http'),
    workspace: first('workspaces', 'key'),
    entries: first('entries'),
    'stat cache': 'stat-cache/a',
    partial: 'ingest/sha256-abc',
  };
});

function damagedStore(name: string, how: string): string {
  const root = join(tempDir('damaged'), 'cache');
  execFileSync('cp', ['-a', whole, root]);
  const path = join(root, files[name]!);
  rmSync(path);
  HOW[how]!(path);
  return root;
}

/** What is wrong, by kind. Where nothing is read, nothing is known to be wrong. */
const KINDS: Readonly<Record<string, string>> = {
  index: 'store',
  manifest: 'image',
  snapshot: 'snapshot',
  record: 'record',
  workspace: 'workspace',
};
const NAMES = [
  'index',
  'marker',
  'layout',
  'manifest',
  'snapshot',
  'record',
  'workspace',
  'entries',
  'stat cache',
  'partial',
];

describe.each(Object.keys(HOW))('a file of the store that is %s', (how) => {
  it.each(NAMES)('ends nothing: %s', async (name) => {
    const root = damagedStore(name, how);
    const store = await openStore({ root });
    const wrong = (rows: readonly { kind: string; problem?: string | undefined }[]): string[] =>
      rows.flatMap(({ kind, problem }) => (problem === undefined ? [] : [kind]));
    // A blob that is no file is as one that is not there, and any text may be a key.
    const isSilent = (name === 'workspace' || name === 'manifest') && !how.startsWith('a ');
    const isAbsent = name === 'manifest' && how.startsWith('a ');
    const isText = name === 'manifest' && how === 'another document';
    const known = KINDS[name];
    const expected = known === undefined || isAbsent || isText || (isSilent && name === 'workspace') ? [] : [known];
    expect(wrong(await store.list())).toEqual(expected);
    const { rows, shared, total } = await store.usage();
    expect(wrong(rows)).toEqual(expected);
    const own = rows.reduce((sum, row) => sum + row.own, 0) + shared.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(own).toBe(total);
    const dry = await store.prune(testJob(), { dryRun: true });
    const done = await store.prune(testJob());
    expect([done.rows, done.freed]).toEqual([dry.rows, dry.freed]);
    // What cannot be known to be needless stays.
    if (name === 'index') expect(done.removed.map(({ kind }) => kind).sort()).toEqual(['partial', 'workspace']);
    await store.prune(testJob(), { all: true });
    await store.verify(testJob());
    const left = await store.usage();
    expect([wrong(left.rows), left.rows.map(({ kind }) => kind)]).toEqual([[], ['store']]);
    await store.close();
  });
});

it.each(Object.keys(HOW))('a snapshot whose facts are %s is made anew', async (how) => {
  const store = await openStore({ root: damagedStore('snapshot', how) });
  const counted = countingRecipe(undefined, chainId);
  await (await store.ref(counted.recipe)).extract(testJob());
  expect(counted.made).toBe(1);
  expect((await store.list(['kind=snapshot'])).map(({ problem }) => problem)).toEqual([undefined]);
  await store.close();
});

it.skipIf(!needsRoot('files of others'))('that this user may not read stays, with the reason', async () => {
  const root = join(tempDir('closed'), 'cache');
  execFileSync('cp', ['-a', whole, root]);
  execFileSync('chown', ['-hR', '65534:65534', dirname(root)]);
  chownSync(join(root, files.snapshot!), 0, 0);
  chmodSync(join(root, files.snapshot!), 0o600);
  process.seteuid!(65534);
  try {
    const store = await openStore({ root });
    const problem = 'its snapshot.json cannot be read: permission denied';
    expect((await store.usage()).rows).toContainEqual(expect.objectContaining({ kind: 'snapshot', problem }));
    const { removed, kept } = await store.prune(testJob(), { all: true });
    expect(removed.map(({ kind }) => kind)).not.toContain('snapshot');
    expect(kept).toContainEqual(expect.objectContaining({ kind: 'snapshot', problem, why: 'unread' }));
    await store.close();
  } finally {
    process.seteuid!(0);
  }
});

it('is told of below the rows, and doctor goes on', async () => {
  const env = cliEnv(cliHome(), { CTXSRC_CACHE_DIR: damagedStore('snapshot', 'a folder') });
  for (const args of [
    ['cache', 'ls'],
    ['cache', 'du'],
    ['cache', 'prune', '--dry-run'],
  ]) {
    const { code, stdout, stderr } = await ctxsrc(args, { env });
    expect([code, stderr], args.join(' ')).toEqual([0, '']);
    expect(stdout).toMatch(/^problem: snapshot .*: its snapshot\.json is no file$/m);
    expect(stdout).toContain('ctxsrc cache verify reads everything');
  }
  expect((await ctxsrc(['doctor', '--json'], { env })).stdout).toContain('"id":"store"');
});
