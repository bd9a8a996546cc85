/** Git servers that can little, move on meanwhile or say nothing. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureText } from '../../support/failure-code.ts';
import { commit, git } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newJob, newStore, writeSnapshot } from '../../support/source-env.ts';
import { openGit, ServedRepositories } from './served-repositories.ts';

describe.skipIf(!needs('git'))('git source and its server', () => {
  let served: ServedRepositories;

  beforeAll(async () => {
    served = await ServedRepositories.start();
  });
  afterAll(() => served.close());

  it('reads from a server that hands out nothing by ID', async () => {
    const { dir, url } = served.repository({ f: 'one' });
    const first = git(dir, ['rev-parse', 'main']);
    const second = commit(dir, 'refs/heads/main', { f: 'two' });
    // Protocol 0: only what a ref points at may be asked for.
    served.intercept = (request) => {
      delete request.headers['git-protocol'];
      return false;
    };
    try {
      const store = await newStore();
      expect(
        readFileSync(join((await writeSnapshot(await openGit(`${url}#${second}`, {}, store))).dir, 'f'), 'utf8'),
      ).toBe('two');
      expect(
        readFileSync(join((await writeSnapshot(await openGit(`${url}#${first}`, {}, store))).dir, 'f'), 'utf8'),
      ).toBe('one');
      expect(await failureText(writeSnapshot(await openGit(`${url}#${'b'.repeat(40)}`, {}, store)))).toMatch(
        /^E_NOT_FOUND/,
      );
    } finally {
      served.intercept = undefined;
    }
  });

  it('writes what its key named, although the branch moved meanwhile', async () => {
    const { dir, url } = served.repository({ f: 'one' });
    const instance = await openGit(`${url}#main`);
    await instance.cacheKey(newJob(), 0);
    commit(dir, 'refs/heads/main', { f: 'two' });
    expect(readFileSync(join((await writeSnapshot(instance)).dir, 'f'), 'utf8')).toBe('one');
  });

  it('gives up on a server that says nothing', async () => {
    const { url } = served.repository({ f: 'x' });
    served.intercept = () => true;
    try {
      const instance = await openGit(url, {}, undefined, { network: { stallTimeout: 300 } });
      expect(await failureText(instance.cacheKey(newJob(), 0))).toMatch(/^E_STALLED/);
    } finally {
      served.intercept = undefined;
    }
  });

  it('asks no second time for what a server says that it cannot do', async () => {
    const { url } = served.repository({ f: 'x' });
    let asked = 0;
    served.intercept = (_request, response) => {
      asked += 1;
      response.writeHead(501).end();
      return true;
    };
    try {
      const instance = await openGit(url, {}, undefined, { network: { retry: 1 } });
      expect(await failureText(instance.cacheKey(newJob(), 0))).toMatch(/^E_SERVER .*501/);
      expect(asked).toBe(1);
    } finally {
      served.intercept = undefined;
    }
  });

  it('leaves no process behind when it is stopped', async () => {
    const { url } = served.repository({ f: 'x' });
    const stop = new AbortController();
    served.intercept = () => {
      setTimeout(() => stop.abort(), 50);
      return true;
    };
    try {
      await expect(writeSnapshot(await openGit(url), {}, newJob({ signal: stop.signal }))).rejects.toThrow(/abort/i);
      await expect.poll(() => (statSync('/proc').isDirectory() ? childrenWith(url) : [])).toEqual([]);
    } finally {
      served.intercept = undefined;
    }
  });
});

/** Processes of this machine that have the text among their arguments. */
function childrenWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(text);
    } catch {
      return false;
    }
  });
}
