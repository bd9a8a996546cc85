/** What a machine can be like: files of other users, full disks, programs that do not start. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, renameSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProgram } from '../../../src/core/programs.ts';
import { openStore } from '../../../src/store/store.ts';
import { cliHome, ctxsrc } from '../../support/cli.ts';
import { failureText } from '../../support/failure-code.ts';
import { commit, git, initBare } from '../../support/git-repository.ts';
import { mayMount } from '../../support/mount.ts';
import { needs, needsRoot } from '../../support/needs.ts';
import { newJob, newStore, WRITE_OPTIONS, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { openGit, paths } from './served-repositories.ts';

function repository(data = 'x'): { readonly dir: string; readonly id: string } {
  const dir = join(tempDir('git'), 'r.git');
  initBare(dir);
  return { dir, id: commit(dir, 'refs/heads/main', { f: data }) };
}

it('a program that cannot be started is an error, not a child without streams', async () => {
  const started = startProgram('/bin/sh', ['-c', 'true'], { env: {}, cwd: '/nonexistent' });
  await expect(started).rejects.toMatchObject({ code: 'ENOENT' });
});

describe.skipIf(!needs('git') || !needsRoot('files of another user'))('files of another user', () => {
  it('are read: a repository, and a store with all of it', async () => {
    const { dir, id } = repository();
    execFileSync('chown', ['-R', '1234:1234', dir]);
    const store = await newStore();
    expect((await (await openGit(`file://${dir}#main`)).cacheKey(newJob(), 0)).key).toBe(id);
    expect(paths((await writeSnapshot(await openGit(`file://${dir}#main`, {}, store))).dir)).toEqual(['f']);
    execFileSync('chown', ['-R', '1234:1234', store.root]);
    const kept = await writeSnapshot(await openGit(`file://${dir}#main`, { 'keep-git-dir': true }, store));
    expect(git(join(kept.dir, '.git'), ['rev-parse', 'HEAD'])).toBe(id);
  });
});

describe.skipIf(!needs('git') || !needsRoot('becomes another user'))(
  'a repository that another user may not read',
  () => {
    it.each(['', 'HEAD', '..'])('is told as such, not as one that is not there: %j', async (closed) => {
      const { dir } = repository();
      const parent = join(tempDir('closed'), 'parent');
      mkdirSync(parent);
      const moved = join(parent, 'r.git');
      renameSync(dir, moved);
      chmodSync(join(moved, closed), 0o700);
      const uid = 1234;
      const result = await ctxsrc(['key', `file://${moved}#main`], { uid, home: cliHome(uid) });
      expect([result.code, result.stdout], result.stderr).toEqual([74, '']);
      expect(result.stderr).toMatch(/permission denied for .*r\.git.*\nhint: run as the owner/);
    });
  },
);

describe.skipIf(!needs('git') || !mayMount())('a full disk', () => {
  it.each(['the target', 'the store'])('%s: exit 74, and what git left is taken away', async (what) => {
    const disk = join(tempDir('full'), 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    try {
      // Not to be compressed.
      const { dir } = repository(randomBytes(2 << 20).toString('hex'));
      const store = await openStore({ root: what === 'the store' ? join(disk, 'store') : tempDir('store') });
      const ref = await (await openGit(`file://${dir}#main`, {}, store)).snapshot(newJob());
      const target = what === 'the store' ? tempDir('out') : join(disk, 'out');
      mkdirSync(target, { recursive: true });
      const text = await failureText(ref!.writeTo(newJob(), target, WRITE_OPTIONS));
      expect(text).toMatch(what === 'the store' ? /^E_DISK_FULL cannot fetch/ : /^E_IO cannot write the files of/);
      await ref!.release();
      if (what === 'the store') {
        const { bfree, blocks } = statfsSync(disk);
        expect(bfree / blocks).toBeGreaterThan(0.8);
      }
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

it.skipIf(!needs('git'))('a fetch begins without what a killed one left', async () => {
  const { dir } = repository();
  const store = await newStore();
  await writeSnapshot(await openGit(`file://${dir}#main`, {}, store));
  const workspaces = join(store.root, 'workspaces');
  const work = join(workspaces, readdirSync(workspaces)[0]!, 'work');
  writeFileSync(join(work, 'objects/pack/tmp_pack_abc'), 'x');
  writeFileSync(join(work, 'shallow.lock'), '');
  await writeSnapshot(await openGit(`file://${dir}#main`, {}, store), { epoch: 1 });
  expect(readdirSync(join(work, 'objects/pack')).filter((name) => name.startsWith('tmp_'))).toEqual([]);
  expect(readdirSync(work)).not.toContain('shallow.lock');
});
