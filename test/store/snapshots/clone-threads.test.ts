/** Snapshots that are large enough for threads: these start, do the work, and their failures arrive. */
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../../src/store/store.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';
import { testJob } from '../job.ts';
import { countingRecipe, oddTree, WRITE } from '../recipe.ts';

const FILES = 700;
/** A machine with one core has no threads beside the main one. */
const WORKERS = Math.min(availableParallelism() - 1, 3);

function largeTree(dir: string): void {
  oddTree(dir);
  mkdirSync(join(dir, 'large'));
  for (let i = 0; i < FILES; i += 1) writeFileSync(join(dir, 'large', `f${i}`), `content ${i}`);
}

let started = 0;
const count = (): void => {
  started += 1;
};
beforeEach(() => {
  started = 0;
  process.on('worker', count);
});
afterEach(() => void process.off('worker', count));

/** A store with the snapshot, what was written of it once, and the directory of its files. */
async function kept(make: (dir: string) => void) {
  const base = tempDir('clone-threads');
  const root = join(base, 'cache');
  const store = await openStore({ root });
  const counted = countingRecipe(make);
  const ref = await store.ref(counted.recipe);
  const write = async (name: string, job = testJob()) => {
    const dir = join(base, name);
    mkdirSync(dir);
    started = 0;
    const { via } = await ref.writeTo(job, dir, WRITE);
    return { dir, via };
  };
  await ref.extract(testJob());
  return { write, counted, files: join(root, 'snapshots', counted.recipe.id.replace(':', '-'), 'fs') };
}

describe('a large snapshot', () => {
  it('is kept and cloned by threads, entry by entry as it is', async () => {
    const { write, counted } = await kept(largeTree);
    expect(started).toBe(WORKERS);
    const [one, two] = [await write('one'), await write('two')];
    expect(started).toBe(WORKERS);
    expect([one.via, two.via]).not.toContain('unpack');
    expect(counted.made).toBe(1);
    const written = listTree(one.dir, { xattrs: true });
    expect(written.filter(({ path }) => path.startsWith('large/'))).toHaveLength(FILES);
    expect(listTree(two.dir, { xattrs: true })).toEqual(written);
  });

  it('that was written to is found out by a thread', async () => {
    const { write, counted, files } = await kept(largeTree);
    const path = join(files, 'large/f333');
    const { atime, mtime } = statSync(path);
    writeFileSync(path, 'CONTENT 333');
    utimesSync(path, atime, mtime);
    const job = testJob();
    await write('out', job);
    expect(counted.made).toBe(2);
    expect(job.events).toContainEqual(
      expect.objectContaining({ level: 'warning', text: expect.stringContaining('large/f333') }),
    );
  });

  it('can be aborted, and is whole the next time', async () => {
    const { write } = await kept(largeTree);
    const job = testJob();
    process.once('worker', () => job.abort());
    if (WORKERS === 0) job.abort();
    await expect(write('aborted', job)).rejects.toMatchObject({ name: 'AbortError' });
    const { dir } = await write('again');
    expect(listTree(join(dir, 'large'))).toHaveLength(FILES);
  });
});

it('a small one starts no thread', async () => {
  const { write } = await kept((dir) => writeFileSync(join(dir, 'file'), 'content'));
  expect(started).toBe(0);
  await write('out');
  expect(started).toBe(0);
});
