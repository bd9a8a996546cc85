/** Repositories that are unlike most: names, objects, attributes, size, and a cache that was damaged. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blob, commit, git, initBare } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newJob, newStore, writeSnapshot } from '../../support/source-env.ts';
import { openGit, paths, ServedRepositories } from './served-repositories.ts';

describe.skipIf(!needs('git'))('git source and odd repositories', () => {
  let served: ServedRepositories;

  beforeAll(async () => {
    served = await ServedRepositories.start();
  });
  afterAll(() => served.close());

  it('applies attributes of the directories above a subdirectory', async () => {
    const { dir, url } = served.repository({
      '.gitattributes': '*.txt eol=crlf\n',
      'a/b/f.txt': 'one\ntwo\n',
      'a/other': 'x',
    });
    git(dir, ['config', 'uploadpack.allowFilter', 'true']);
    const whole = await writeSnapshot(await openGit(url));
    const part = await writeSnapshot(await openGit(`${url}#main:a/b`));
    expect(readFileSync(join(whole.dir, 'a/b/f.txt'), 'utf8')).toBe('one\r\ntwo\r\n');
    expect(readFileSync(join(part.dir, 'f.txt'), 'utf8')).toBe('one\r\ntwo\r\n');
    expect(paths(part.dir)).toEqual(['f.txt']);
  });

  it('keeps names that are not UTF-8', async () => {
    const url = served.raw((dir) => [{ mode: '100644', name: 'ok', id: blob(dir, 'x') }]);
    const { dir } = served.repository();
    const tree = Buffer.concat([
      Buffer.from('100644 '),
      Buffer.from([0xff, 0xfe]),
      Buffer.from([0]),
      Buffer.from(blob(dir, 'y'), 'hex'),
    ]);
    const id = git(dir, ['hash-object', '-t', 'tree', '--literally', '-w', '--stdin'], tree);
    git(dir, ['update-ref', 'refs/heads/main', git(dir, ['commit-tree', '-m', 'm', id])]);
    const { dir: out, report } = await writeSnapshot(await openGit(`file://${dir}`));
    expect(paths(out)).toEqual(['\xff\xfe']);
    expect([...report.entries]).toMatchObject([{ path: '\xff\xfe' }]);
    expect(paths((await writeSnapshot(await openGit(url))).dir)).toEqual(['ok']);
  });

  it('reads repositories of SHA-256 objects', async () => {
    const dir = join(served.root, 'sha256.git');
    initBare(dir, '--object-format=sha256');
    const id = commit(dir, 'refs/heads/main', { f: 'x' });
    expect(id).toHaveLength(64);
    const instance = await openGit(`${served.origin}/sha256.git`);
    expect((await instance.cacheKey(newJob(), 0)).key).toBe(id);
    expect(paths((await writeSnapshot(instance)).dir)).toEqual(['f']);
  });

  it('mends a cache that was damaged', async () => {
    const { url } = served.repository({ f: 'x' });
    const store = await newStore();
    await writeSnapshot(await openGit(url, {}, store));
    const [name = ''] = readdirSync(join(store.root, 'workspaces'));
    writeFileSync(join(store.root, 'workspaces', name, 'work', 'HEAD'), 'garbage');
    writeFileSync(join(store.root, 'workspaces', name, 'work', 'config.lock'), '');
    expect(paths((await writeSnapshot(await openGit(url, {}, store), { epoch: 1 })).dir)).toEqual(['f']);
  });

  it('writes 10,000 files, and one directory of them without the rest', async () => {
    const files: Record<string, string> = {};
    for (let i = 0; i < 10_000; i += 1) files[`d${i % 100}/f${i}.txt`] = `file ${i}\n`;
    const { dir, url } = served.repository(files);
    git(dir, ['config', 'uploadpack.allowFilter', 'true']);
    const { dir: out, report } = await writeSnapshot(await openGit(url));
    expect(report.files).toBe(10_100);
    expect(readFileSync(join(out, 'd7/f907.txt'), 'utf8')).toBe('file 907\n');
    const store = await newStore();
    const part = await writeSnapshot(await openGit(`${url}#main:d7`, {}, store));
    expect(part.report.files).toBe(100);
    expect(readdirSync(part.dir)).toHaveLength(100);
    const [name = ''] = readdirSync(join(store.root, 'workspaces'));
    const objects = git(join(store.root, 'workspaces', name, 'work'), ['count-objects', '-v']);
    // Commit, trees and the hundred blobs.
    expect(Number(/^in-pack: (\d+)$/m.exec(objects)?.[1])).toBeLessThan(300);
  });
});
