import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ImmutableRef } from '../../../src/contract/ref.ts';
import type { SnapshotFacts } from '../../../src/snapshot/sidecar/format.ts';
import { readSidecar } from '../../../src/snapshot/sidecar/sidecar.ts';
import { verifySnapshot } from '../../../src/snapshot/verify/verify.ts';
import { type MaterializeRequest, materialize } from '../../../src/snapshot/write/materialize.ts';
import { type FakeTree, fakeJob, fakeRef, WRITE_OPTIONS } from '../../support/fake-ref.ts';
import { removeTree, tempDir } from '../../support/temp.ts';

const FACTS: SnapshotFacts = {
  reference: 'docker-image://alpine',
  identifier: 'docker-image://docker.io/library/alpine:latest',
  key: `sha256:${'a'.repeat(64)}`,
  pin: `sha256:${'b'.repeat(64)}`,
  keys: [{ index: 0, key: `sha256:${'c'.repeat(64)}`, pin: `sha256:${'b'.repeat(64)}`, done: true }],
  options: { platform: 'linux/amd64' },
  layers: [{ digest: `sha256:${'d'.repeat(64)}`, diffId: `sha256:${'e'.repeat(64)}`, size: 10 }],
};
const OTHER: SnapshotFacts = { ...FACTS, key: `sha256:${'9'.repeat(64)}` };

const TREE: FakeTree = {
  etc: { dir: true },
  'etc/passwd': 'root',
  'etc/shadow': { file: 'secret', mode: 0o600 },
  'etc/link': { symlink: '/nowhere' },
  'etc/passwd-': { hardlink: 'etc/passwd' },
  sealed: { dir: true, mode: 0o555 },
  'sealed/file': { file: 'x', mode: 0o444 },
};

let parent: string;
let target: string;
beforeEach(() => {
  parent = tempDir('snapshot');
  target = join(parent, 'out');
});

function snapshot(request: Partial<MaterializeRequest> = {}, job = fakeJob()) {
  const defaults = { ref: fakeRef(TREE), target, facts: FACTS, options: WRITE_OPTIONS, force: false, strict: false };
  return materialize(job, { ...defaults, ...request });
}

/** Only the target and its sidecar may lie in the parent. */
function expectTidy(...others: string[]): void {
  expect(readdirSync(parent).sort()).toEqual(['out', 'out.ctxsrc.json', ...others].sort());
}

describe('what is written', () => {
  test('the files, a root of 0755 and a sidecar beside it', async () => {
    const result = await snapshot();
    expect(result).toMatchObject({ status: 'written', dir: target, via: 'unpack' });
    expect(readFileSync(join(target, 'etc/passwd'), 'utf8')).toBe('root');
    expect(lstatSync(target).mode & 0o7777).toBe(0o755);
    expectTidy();
    const sidecar = JSON.parse(readFileSync(`${target}.ctxsrc.json`, 'utf8'));
    expect(sidecar).toMatchObject({ schema: 'ctxsrc/v1', ...JSON.parse(JSON.stringify(FACTS)), files: 7, bytes: 11 });
    expect(sidecar.options).toMatchObject({ platform: 'linux/amd64' });
    expect((await verifySnapshot(fakeJob(), target)).differences).toEqual([]);
  });

  test('a null ref is an empty directory, and a second run finds it', async () => {
    await snapshot({ ref: null });
    expect(readdirSync(target)).toEqual([]);
    expect(lstatSync(target).mode & 0o7777).toBe(0o755);
    expect(await snapshot({ ref: null })).toMatchObject({ status: 'unchanged' });
  });

  test('an empty directory is filled; missing parents are created', async () => {
    mkdirSync(target, { mode: 0o700 });
    expect(await snapshot()).toMatchObject({ status: 'written' });
    const deep = join(parent, 'a/b/c');
    expect(await snapshot({ target: `${deep}/` })).toMatchObject({ status: 'written', dir: deep });
    expect(existsSync(join(deep, 'etc/passwd'))).toBe(true);
  });

  test('parents that are links lead to the real place', async () => {
    mkdirSync(join(parent, 'real'));
    symlinkSync('real', join(parent, 'alias'));
    expect(await snapshot({ target: join(parent, 'alias/out') })).toMatchObject({ dir: join(parent, 'real/out') });
  });

  test('an epoch is the time of the root, and the content hash goes into the sidecar', async () => {
    const options = { ...WRITE_OPTIONS, epoch: 1000 };
    await snapshot({ options, contentHash: async (_, dir) => `hash of ${basename(dirname(dir))}` });
    expect(lstatSync(target).mtimeMs).toBe(1_000_000);
    expect((await readSidecar(target)).tree).toBe(`hash of ${basename(parent)}`);
    expect(await snapshot({ options })).toMatchObject({ status: 'unchanged' });
  });

  test('a very long name', async () => {
    const name = 'ü'.repeat(115);
    await snapshot({ target: join(parent, name) });
    expect(readdirSync(parent).sort()).toEqual([name, `${name}.ctxsrc.json`]);
  });
});

describe('a target that is not empty', () => {
  test('the same snapshot, intact: nothing is written', async () => {
    await snapshot();
    const before = lstatSync(join(target, 'etc/passwd')).ino;
    expect(await snapshot()).toMatchObject({ status: 'unchanged' });
    expect(await snapshot({ force: true })).toMatchObject({ status: 'unchanged' });
    expect(lstatSync(join(target, 'etc/passwd')).ino).toBe(before);
  });

  test.each<[string, (dir: string) => void]>([
    ['an added file', (dir) => writeFileSync(join(dir, 'etc/new'), '')],
    ['an added file at the top', (dir) => writeFileSync(join(dir, 'new'), '')],
    ['a missing file', (dir) => rmSync(join(dir, 'etc/passwd-'))],
    ['a changed mode', (dir) => chmodSync(join(dir, 'etc/passwd'), 0o600)],
    [
      'a flipped byte with kept times',
      (dir) => {
        const path = join(dir, 'etc/passwd');
        const { atimeMs, mtimeMs } = lstatSync(path);
        writeFileSync(path, 'r00t');
        utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
      },
    ],
  ])('%s: refused, and replaced with --force', async (_, change) => {
    await snapshot();
    change(target);
    await expect(snapshot()).rejects.toMatchObject({ code: 'E_TARGET_EXISTS', exit: 9 });
    expect(await snapshot({ force: true })).toMatchObject({ status: 'written' });
    expect((await verifySnapshot(fakeJob(), target)).differences).toEqual([]);
    expectTidy();
  });

  test('touched but not changed is intact', async () => {
    await snapshot();
    utimesSync(join(target, 'etc/passwd'), 1, 1);
    chmodSync(join(target, 'etc/shadow'), 0o600);
    expect(await snapshot()).toMatchObject({ status: 'unchanged' });
  });

  test('another directory in its place, older and with the same sizes and times, is no snapshot', async () => {
    const other = join(parent, 'other');
    await snapshot({ target: other, ref: fakeRef({ ...TREE, 'etc/passwd': 'toor' }) });
    await snapshot();
    removeTree(target);
    renameSync(other, target);
    await expect(snapshot()).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
  });

  test('one with an older directory in it, whose files have the same sizes and times, is no snapshot', async () => {
    const other = join(parent, 'other');
    await snapshot({ target: other, ref: fakeRef({ ...TREE, 'etc/passwd': 'toor' }) });
    await snapshot();
    removeTree(join(target, 'etc'));
    renameSync(join(other, 'etc'), join(target, 'etc'));
    await expect(snapshot()).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
  });

  test('a copy is the same snapshot', async () => {
    await snapshot();
    execFileSync('cp', ['-a', target, join(parent, 'copy')]);
    execFileSync('cp', ['-a', `${target}.ctxsrc.json`, join(parent, 'copy.ctxsrc.json')]);
    expect(await snapshot({ target: join(parent, 'copy') })).toMatchObject({ status: 'unchanged' });
  });

  test('another key, or the same with other options: refused with a hint', async () => {
    await snapshot();
    await expect(snapshot({ facts: OTHER })).rejects.toMatchObject({
      code: 'E_TARGET_EXISTS',
      hint: expect.stringContaining('--force'),
    });
    const filtered = { ...WRITE_OPTIONS, filter: { include: ['etc'] } };
    await expect(snapshot({ options: filtered })).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    expect(await snapshot({ facts: OTHER, force: true })).toMatchObject({ status: 'written' });
    expect((await readSidecar(target)).key).toBe(OTHER.key);
  });

  test('something that is no snapshot: refused, replaced with --force', async () => {
    mkdirSync(join(target, 'own'), { recursive: true });
    // Before anything is written, and so before anything is fetched.
    const ref = fakeRef(TREE, {
      after: () => {
        throw new Error('was written');
      },
    });
    await expect(snapshot({ ref })).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    expect(existsSync(join(target, 'own'))).toBe(true);
    expect(existsSync(`${target}.ctxsrc.json`)).toBe(false);
    await snapshot({ force: true });
    expect(existsSync(join(target, 'own'))).toBe(false);
    expectTidy();
  });

  test('a sidecar that is not one, or of a directory that is gone', async () => {
    await snapshot();
    writeFileSync(`${target}.ctxsrc.json`, '{}');
    await expect(snapshot()).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    removeTree(target);
    expect(await snapshot()).toMatchObject({ status: 'written' });
    expectTidy();
  });

  test('a failure with --force leaves the old one', async () => {
    await snapshot();
    const ref = fakeRef(TREE, {
      after: () => {
        throw new Error('broken');
      },
    });
    await expect(snapshot({ ref, facts: OTHER, force: true })).rejects.toThrow('broken');
    expect(await snapshot()).toMatchObject({ status: 'unchanged' });
    expectTidy();
  });
});

describe('targets that are refused even with --force', () => {
  test('a file, a link, the current directory and what holds it', async () => {
    writeFileSync(target, 'mine');
    await expect(snapshot({ force: true })).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    mkdirSync(join(parent, 'dir'));
    symlinkSync('dir', join(parent, 'link'));
    await expect(snapshot({ target: join(parent, 'link') })).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    for (const path of ['.', '..', '/', process.cwd()]) {
      await expect(snapshot({ target: path, force: true })).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    }
    await expect(snapshot({ target: join(target, 'below') })).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    expect(readFileSync(target, 'utf8')).toBe('mine');
  });

  test.skipIf(process.platform !== 'linux')('a mount point', async () => {
    await expect(snapshot({ target: '/proc', force: true })).rejects.toMatchObject({
      code: 'E_TARGET_EXISTS',
      message: expect.stringContaining('mount point'),
    });
  });

  test('inside the source, the source itself, and around it', async () => {
    const source = join(parent, 'source');
    mkdirSync(source);
    symlinkSync('source', join(parent, 'alias'));
    for (const place of ['source/out', 'source', 'alias/x/y', 'source/../source/z', '.']) {
      await expect(
        snapshot({ target: join(parent, place), localSource: join(parent, 'alias'), force: true }),
      ).rejects.toMatchObject({ code: 'E_TARGET_IN_SOURCE', exit: 2 });
    }
    expect(readdirSync(source)).toEqual([]);
    expect(await snapshot({ target: `${source}2`, localSource: source })).toMatchObject({ status: 'written' });
  });

  test('the store, in it and around it', async () => {
    const storeRoot = join(parent, 'cache/ctxsrc');
    mkdirSync(storeRoot, { recursive: true });
    for (const place of ['cache', 'cache/ctxsrc', 'cache/ctxsrc/blobs']) {
      await expect(snapshot({ target: join(parent, place), storeRoot, force: true })).rejects.toMatchObject({
        code: 'E_TARGET_EXISTS',
      });
    }
  });
});

describe('nothing stays', () => {
  async function expectNothing(request: Partial<MaterializeRequest>, job = fakeJob()): Promise<unknown> {
    const deep = join(parent, 'made/for/this');
    const error = await snapshot({ target: deep, ...request }, job).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    expect(readdirSync(parent)).toEqual([]);
    return error;
  }

  test('after a failure of the writer, with read-only directories in the half-made tree', async () => {
    const after = (): never => {
      throw new Error('broken');
    };
    expect(await expectNothing({ ref: fakeRef(TREE, { after }) })).toMatchObject({ message: 'broken' });
  });

  test('after an abort while files are written', async () => {
    const abort = new AbortController();
    const ref = fakeRef(TREE, { after: () => abort.abort() });
    expect(await expectNothing({ ref }, fakeJob(abort.signal))).toMatchObject({ name: 'AbortError' });
  });

  test('after an abort before the first file', async () => {
    const abort = new AbortController();
    abort.abort();
    await expectNothing({}, fakeJob(abort.signal));
  });

  test('after losses under --strict', async () => {
    const ref = fakeRef(TREE, { lossCounts: { device: 2, owner: 3 } });
    const error = await expectNothing({ ref, strict: true });
    expect(error).toMatchObject({ code: 'E_LOSSY', exit: 8, details: { losses: { device: 2, owner: 3 } } });
    await snapshot({ ref });
    expect((await readSidecar(target)).lossCounts).toEqual({ device: 2, owner: 3 });
    await expect(snapshot({ ref, strict: true })).rejects.toMatchObject({ code: 'E_LOSSY' });
    expect(await snapshot({ ref })).toMatchObject({ status: 'unchanged' });
  });

  test('parents that someone else uses meanwhile stay', async () => {
    const after = (): never => {
      writeFileSync(join(parent, 'made/theirs'), '');
      throw new Error('broken');
    };
    await expect(snapshot({ target: join(parent, 'made/for/this'), ref: fakeRef(TREE, { after }) })).rejects.toThrow();
    expect(readdirSync(join(parent, 'made'))).toEqual(['theirs']);
  });
});

describe('two at once', () => {
  const slow = (tree: FakeTree): ImmutableRef =>
    fakeRef(tree, { after: () => new Promise((resolve) => setTimeout(resolve, 30)) });

  test('of the same: one writes, the others find it', async () => {
    const results = await Promise.all([1, 2, 3, 4].map(() => snapshot({ ref: slow(TREE) })));
    expect(results.filter((result) => result.status === 'written')).toHaveLength(1);
    expect((await verifySnapshot(fakeJob(), target)).differences).toEqual([]);
    expectTidy();
  });

  test('of different things: one is refused, nothing is mixed', async () => {
    const results = await Promise.allSettled([
      snapshot({ ref: slow(TREE) }),
      snapshot({ ref: slow({ other: 'file' }), facts: OTHER }),
    ]);
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ code: 'E_TARGET_EXISTS' });
    expect((await verifySnapshot(fakeJob(), target)).differences).toEqual([]);
    expectTidy();
  });

  test('with --force: one after the other or the other way round, always whole', async () => {
    await snapshot();
    const trees: FakeTree[] = [{ a: '1' }, { b: '22' }, { c: '333' }];
    await Promise.allSettled(
      trees.map((tree, i) =>
        snapshot({ ref: slow(tree), facts: { ...FACTS, key: `sha256:${String(i).repeat(64)}` }, force: true }),
      ),
    );
    expect((await verifySnapshot(fakeJob(), target)).differences).toEqual([]);
    expectTidy();
  });
});
