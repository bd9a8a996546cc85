import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { loadNative } from '../../../src/fs/native/native.ts';
import { verifySnapshot } from '../../../src/snapshot/verify/verify.ts';
import { materialize } from '../../../src/snapshot/write/materialize.ts';
import { type FakeTree, fakeJob, fakeRef, WRITE_OPTIONS } from '../../support/fake-ref.ts';
import { needsRoot } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';

const TREE: FakeTree = {
  dir: { dir: true },
  'dir/file': 'content',
  'dir/link': { symlink: 'file' },
  'dir/same': { hardlink: 'dir/file' },
  'dir/sub': { dir: true },
  'dir/sub/deep': 'deep',
  'größe\u001b': 'x',
  other: 'content',
};

let dir: string;
beforeEach(async () => {
  dir = join(tempDir('verify'), 'out');
  const facts = { reference: 'r', identifier: 'i', key: 'k', pin: 'p', keys: [], options: {}, layers: [] };
  await materialize(fakeJob(), {
    ref: fakeRef(TREE),
    target: dir,
    facts,
    options: WRITE_OPTIONS,
    force: false,
    strict: false,
  });
});

async function differences(): Promise<string[]> {
  const found = (await verifySnapshot(fakeJob(), dir)).differences;
  return found.map(({ path, kind }) => `${kind} ${path}`);
}

test.each(['', '/', '//', '/dir/..', '/.'])(
  'a directory is the same when it is written with %j behind it',
  async (end) => {
    expect((await verifySnapshot(fakeJob(), `${dir}${end}`)).differences).toEqual([]);
  },
);

test('what was written is right, and reading it leaves it so', async () => {
  const before = listTree(dir);
  const verification = await verifySnapshot(fakeJob(), dir);
  expect(verification).toMatchObject({ differences: [], notes: [], incomplete: [] });
  expect(verification.sidecar.key).toBe('k');
  expect(listTree(dir)).toEqual(before);
});

test('a changed mtime alone is a note', async () => {
  utimesSync(join(dir, 'dir/file'), 5, 5);
  utimesSync(join(dir, 'dir'), 5, 5);
  expect(await verifySnapshot(fakeJob(), dir)).toMatchObject({ differences: [], notes: ['dir/file'] });
});

describe('every other change is named', () => {
  test.each<[string, () => void, string[]]>([
    [
      'a flipped byte with kept times',
      () => {
        const path = join(dir, 'dir/file');
        const { atimeMs, mtimeMs } = lstatSync(path);
        const fd = openSync(path, 'r+');
        writeSync(fd, 'C', 0);
        closeSync(fd);
        utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
      },
      ['content dir/file'],
    ],
    ['a shorter file', () => truncateSync(join(dir, 'other'), 3), ['content other']],
    ['an added file', () => writeFileSync(join(dir, 'dir/sub/new'), ''), ['added dir/sub/new']],
    ['an added name that is not UTF-8', () => writeFileSync(bytePath(), ''), ['added dir/\u00ff']],
    ['an added directory', () => mkdirSync(join(dir, 'new/below'), { recursive: true }), ['added new']],
    ['a missing file', () => rmSync(join(dir, 'other')), ['missing other']],
    [
      'a missing directory',
      () => rmSync(join(dir, 'dir/sub'), { recursive: true }),
      ['missing dir/sub', 'missing dir/sub/deep'],
    ],
    ['a changed mode', () => chmodSync(join(dir, 'other'), 0o4644), ['mode other']],
    ['a changed mode of a directory', () => chmodSync(join(dir, 'dir/sub'), 0o700), ['mode dir/sub']],
    ['a changed mode of the root', () => chmodSync(dir, 0o700), ['mode .']],
    ['another link target', () => replace('dir/link', (path) => symlinkSync('elsewhere', path)), ['target dir/link']],
    [
      'a file instead of a link',
      () => replace('dir/link', (path) => writeFileSync(path, 'content')),
      ['type dir/link'],
    ],
    ['a directory instead of a file', () => replace('other', (path) => mkdirSync(path)), ['type other']],
    [
      'a copy instead of a hard link',
      () => {
        const { atimeMs, mtimeMs } = lstatSync(join(dir, 'dir/same'));
        replace('dir/same', (path) => writeFileSync(path, 'content'));
        utimesSync(join(dir, 'dir/same'), atimeMs / 1000, mtimeMs / 1000);
      },
      ['target dir/same'],
    ],
    [
      'a link to a directory outside in the place of a directory',
      () => {
        renameSync(join(dir, 'dir/sub'), join(dir, '../sub'));
        symlinkSync('../../sub', join(dir, 'dir/sub'));
      },
      ['missing dir/sub/deep', 'type dir/sub'],
    ],
    [
      'a fifo, which must not be opened',
      () => replace('other', (path) => execFileSync('mkfifo', [path])),
      ['type other'],
    ],
    ['the directory itself', () => rmSync(dir, { recursive: true }), ['missing .']],
  ])('%s', async (_, change, expected) => {
    change();
    expect((await differences()).sort()).toEqual(expected);
  });

  test.runIf(needsRoot('changed owner in verify'))('another owner', async () => {
    chownSync(join(dir, 'other'), 5, 0);
    expect(await differences()).toEqual(['owner other']);
  });

  test.runIf(loadNative() !== undefined)('an extended attribute', async () => {
    loadNative()!.setXattr(join(dir, 'other'), 'user.test', Buffer.from('x'));
    expect(await differences()).toEqual(['xattr other']);
  });

  test('several at once, in path order', async () => {
    rmSync(join(dir, 'other'));
    linkSync(join(dir, 'dir/file'), join(dir, 'another'));
    chmodSync(join(dir, 'größe\u001b'), 0o600);
    expect(await differences()).toEqual(['added another', 'mode größe\u001b', 'missing other']);
  });
});

test('many files are hashed by threads, and still each change is named', async () => {
  const names = Array.from({ length: 1500 }, (_, i) => `f${i}`);
  const target = `${dir}-many`;
  const facts = { reference: 'r', identifier: 'i', key: 'k', pin: 'p', keys: [], options: {}, layers: [] };
  const ref = fakeRef(Object.fromEntries(names.map((name) => [name, `content of ${name}`])));
  await materialize(fakeJob(), { ref, target, facts, options: WRITE_OPTIONS, force: false, strict: false });
  let started = 0;
  process.once('worker', () => {
    started += 1;
  });
  expect((await verifySnapshot(fakeJob(), target)).differences).toEqual([]);
  expect(started).toBe(1);
  writeFileSync(join(target, 'f700'), 'CONTENT OF f700');
  rmSync(join(target, 'f1499'));
  const { differences } = await verifySnapshot(fakeJob(), target);
  expect(differences.map(({ path, kind }) => `${kind} ${path}`)).toEqual(['missing f1499', 'content f700']);
  const abort = new AbortController();
  const job = fakeJob(abort.signal);
  const verification = verifySnapshot(job, target);
  setTimeout(() => abort.abort(), 5);
  await expect(verification).rejects.toMatchObject({ name: 'AbortError' });
});

test('limits bound what is read', async () => {
  for (const limits of [{ maxFiles: 1 }, { maxBytes: 1 }]) {
    await expect(verifySnapshot(fakeJob(), dir, limits)).rejects.toMatchObject({ code: 'E_LIMIT' });
  }
});

test('no sidecar is exit 3, an abort is an abort', async () => {
  const abort = new AbortController();
  abort.abort();
  writeFileSync(join(dir, 'dir/file'), 'changed');
  await expect(verifySnapshot(fakeJob(abort.signal), dir)).rejects.toMatchObject({ name: 'AbortError' });
  rmSync(`${dir}.ctxsrc.json`);
  await expect(verifySnapshot(fakeJob(), dir)).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND', exit: 3 });
});

function replace(path: string, make: (path: string) => void): void {
  rmSync(join(dir, path));
  make(join(dir, path));
}

function bytePath(): Buffer {
  return Buffer.concat([Buffer.from(`${dir}/dir/`), Buffer.from([0xff])]);
}
