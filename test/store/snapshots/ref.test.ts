import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WriteOptions, WriteReport } from '../../../src/contract/ref.ts';
import type { Store } from '../../../src/contract/store.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { joinTime } from '../../../src/fs/entry/time.ts';
import { openStore } from '../../../src/store/store.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';
import { testJob } from '../job.ts';
import { countingRecipe, oddTree, WRITE } from '../recipe.ts';

let base: string;
let root: string;
let store: Store;
let targets = 0;

beforeEach(async () => {
  base = tempDir('ref');
  root = join(base, 'cache');
  store = await openStore({ root });
});

function target(): string {
  targets += 1;
  const dir = join(base, `target-${targets}`);
  mkdirSync(dir);
  return dir;
}

const expected = (): ReturnType<typeof listTree> => {
  const dir = target();
  oddTree(dir);
  return listTree(dir, { xattrs: true });
};

/** The tree without the times of the run that made it. */
function listed(dir: string): unknown[] {
  const recent = BigInt(Date.now() - 600_000) * 1_000_000n;
  return listTree(dir, { xattrs: true }).map((entry) =>
    BigInt(entry.mtime) > recent ? { ...entry, mtime: 'now' } : entry,
  );
}

const plain = (report: WriteReport) => ({ ...report, entries: [...report.entries], via: '' });

describe('writeTo', () => {
  it('streams the first time, keeps a copy the second time, and clones from then on', async () => {
    const counted = countingRecipe();
    const ref = await store.ref(counted.recipe);
    const dirs = [target(), target(), target(), target()];
    const reports: WriteReport[] = [];
    for (const dir of dirs) reports.push(await ref.writeTo(testJob(), dir, WRITE));
    expect(counted.made).toBe(2);
    expect(reports.map(({ via }) => via === 'unpack')).toEqual([true, true, false, false]);
    for (const dir of dirs.slice(1)) expect(listed(dir)).toEqual(listed(dirs[0]!));
    // The clone is of the second tree: it has its times too.
    expect(listTree(dirs[2]!, { xattrs: true })).toEqual(listTree(dirs[1]!, { xattrs: true }));
    expect(plain(reports[2]!)).toEqual(plain(reports[1]!));
    await ref.release();
  });

  it('makes what an older ctxsrc kept in another format anew, in silence', async () => {
    const counted = countingRecipe();
    const ref = await store.ref(counted.recipe);
    await (await ref.mount(testJob())).release();
    const [name] = readdirSync(join(root, 'snapshots'));
    const header = join(root, 'snapshots', name!, 'snapshot.json');
    writeFileSync(header, readFileSync(header, 'utf8').replace('"format":2,', ''));
    await (await ref.mount(testJob())).release();
    expect(counted.made).toBe(2);
    expect(readFileSync(header, 'utf8')).toContain('"format":2,');
  });

  it('shares nothing with a clone that is a copy', async () => {
    const counted = countingRecipe();
    const ref = await store.ref(counted.recipe);
    await ref.extract(testJob());
    const [one, two] = [target(), target()];
    await ref.writeTo(testJob(), one, { ...WRITE, mode: 'copy' });
    writeFileSync(join(one, 'sub/f9'), 'scribble');
    await ref.writeTo(testJob(), two, WRITE);
    expect(readFileSync(join(two, 'sub/f9'), 'utf8')).toBe('content 9');
    expect(counted.made).toBe(1);
  });

  it('finds out when a kept file was written to, says so, and makes the files anew', async () => {
    const counted = countingRecipe();
    const ref = await store.ref(counted.recipe);
    await ref.extract(testJob());
    const files = join(root, 'snapshots', counted.recipe.id.replace(':', '-'), 'fs');
    const { atime, mtime } = statSync(join(files, 'sub/f7'));
    writeFileSync(join(files, 'sub/f7'), 'CONTENT 7');
    utimesSync(join(files, 'sub/f7'), atime, mtime);
    const [job, dir] = [testJob(), target()];
    await ref.writeTo(job, dir, WRITE);
    expect(readFileSync(join(dir, 'sub/f7'), 'utf8')).toBe('content 7');
    expect(counted.made).toBe(2);
    expect(job.events).toContainEqual(expect.objectContaining({ type: 'message', level: 'warning' }));
  });

  it('hard-links when asked to, with a note, and notices a write through the link', async () => {
    const counted = countingRecipe();
    const ref = await store.ref(counted.recipe);
    const [job, one, two] = [testJob(), target(), target()];
    const report = await ref.writeTo(job, one, { ...WRITE, mode: 'hardlink' });
    expect(report.via).toBe('hardlink');
    expect(statSync(join(one, 'sub/f5')).nlink).toBe(2);
    expect(job.events).toContainEqual(expect.objectContaining({ type: 'message', level: 'note' }));
    await ref.writeTo(testJob(), two, { ...WRITE, mode: 'hardlink' });
    expect(counted.made).toBe(1);
    expect(listTree(two)).toEqual(listTree(one));
    writeFileSync(join(one, 'sub/f5'), 'content x');
    const three = target();
    await ref.writeTo(testJob(), three, WRITE);
    expect(readFileSync(join(three, 'sub/f5'), 'utf8')).toBe('content 5');
    expect(counted.made).toBe(2);
  });

  it('clamps times of a clone', async () => {
    const ref = await store.ref(countingRecipe().recipe);
    await ref.extract(testJob());
    const dir = target();
    const report = await ref.writeTo(testJob(), dir, { ...WRITE, epoch: 1_550_000_000 });
    const times = listTree(dir).map(({ mtime }) => BigInt(mtime));
    expect(times.every((time) => time <= 1_550_000_000_000_000_000n)).toBe(true);
    expect(new Set(times).size).toBe(3);
    expect([...report.entries].map(joinTime)).toEqual(times);
  });

  it('makes files once for callers that wait for each other', async () => {
    const counted = countingRecipe();
    const refs = await Promise.all(Array.from({ length: 8 }, () => store.ref(counted.recipe)));
    const dirs = refs.map(() => target());
    await Promise.all(refs.map((ref, i) => ref.writeTo(testJob(), dirs[i]!, WRITE)));
    expect(counted.made).toBe(1);
    for (const dir of dirs) expect(listed(dir)).toEqual(listed(dirs[0]!));
  });

  it('leaves nothing of what could not be finished', async () => {
    const failing = countingRecipe(() => {
      throw new Error('unpacking failed');
    });
    const ref = await store.ref(failing.recipe);
    await expect(ref.extract(testJob())).rejects.toThrow('unpacking failed');
    expect(readdirSync(join(root, 'snapshots'))).toEqual([]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
    expect(readdirSync(join(root, 'locks'))).toEqual([]);
  });
});

describe('commit', () => {
  it('turns a directory into a ref', async () => {
    const dir = await store.tempDir();
    oddTree(dir);
    const ref = await store.commit(dir, 'git:abc');
    const to = target();
    const report = await ref.writeTo(testJob(), to, WRITE);
    const mounted = await ref.mount(testJob());
    // As a normal user the store's own directories stay open to their owner.
    const modeless = (path: string) => (listed(path) as { mode: string }[]).map(({ mode: _mode, ...entry }) => entry);
    expect(modeless(mounted.path)).toEqual(modeless(to));
    await mounted.release();
    expect(report.files).toBe(listTree(to).length);
    expect(expected().length).toBe(report.files);
    await ref.finalize();
    const second = await store.tempDir();
    oddTree(second);
    await (await store.commit(second, 'git:abc')).release();
    expect(readdirSync(join(root, 'tmp')).length).toBeLessThanOrEqual(1);
  });

  it('writes the part that a filter chooses', async () => {
    const dir = await store.tempDir();
    oddTree(dir);
    const ref = await store.commit(dir, 'git:abc');
    const written = async (filter: WriteOptions['filter']) => {
      const to = target();
      const report = await ref.writeTo(testJob(), to, { ...WRITE, filter });
      const names = [...report.entries].map(({ path }) => path);
      expect(listTree(to).map(({ path }) => path)).toEqual(names);
      expect(report.files).toBe(names.length);
      return { to, names, entries: [...report.entries] };
    };
    const { to, names, entries } = await written({ subpath: 'sub', exclude: ['f*'] });
    expect(names).toEqual(['absolute', 'alias', 'deep', 'deep/empty']);
    // Its first path is not there, so the hard link is the file.
    expect(entries[1]).toMatchObject({ type: 'file', digest: sha256('#!/bin/sh\n') });
    expect(readFileSync(join(to, 'alias'), 'utf8')).toBe('#!/bin/sh\n');
    expect((await written({ include: ['sub/deep/*', 'tool', 'sub/alias'] })).names).toEqual([
      'sub',
      'sub/alias',
      'sub/deep',
      'sub/deep/empty',
      'tool',
    ]);
    expect((await written({ include: ['nothing'] })).names).toEqual([]);
    await expect(written({ subpath: 'nowhere' })).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
    await expect(written({ subpath: 'tool' })).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
    await expect(written({ include: ['['] })).rejects.toMatchObject({ code: 'E_PATTERN' });
  });
});
