/** Repositories behind a real ssh server. */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Attributes } from '../../../src/contract/index.ts';
import type { CtxsrcError } from '../../../src/core/errors.ts';
import { commit, initBare } from '../../support/git-repository.ts';
import { newJob, writeSnapshot } from '../../support/source-env.ts';
import { needsSshServer, type SshServer, startSshServer } from '../../support/sshd.ts';
import { tempDir } from '../../support/temp.ts';
import { openGit, paths } from './served-repositories.ts';

describe.skipIf(!needsSshServer())('git over ssh', () => {
  const root = tempDir('git');
  const nobody = join(root, 'known_hosts');
  let server: SshServer;
  let id: string;
  let url: string;

  beforeAll(async () => {
    server = await startSshServer();
    initBare(join(root, 'r.git'));
    id = commit(join(root, 'r.git'), 'refs/heads/main', { f: 'x' });
    url = `ssh://${server.authority}${root}/r.git`;
    writeFileSync(nobody, '');
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    for (const name of ['GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_SSH_VARIANT', 'SSH_AUTH_SOCK']) vi.stubEnv(name, undefined);
  });
  afterEach(() => vi.unstubAllEnvs());

  async function failure(reference: string, attributes: Attributes = {}): Promise<string> {
    return (await openGit(reference, attributes)).cacheKey(newJob(), 0).then(
      () => 'no failure',
      (error: CtxsrcError) => `${error.exit} ${error.message} | ${error.hint}`,
    );
  }

  it('reads with a key of the agent from a host that is known', async () => {
    vi.stubEnv('SSH_AUTH_SOCK', server.agent);
    const known = { 'known-hosts': relative(process.cwd(), server.knownHosts) };
    expect((await (await openGit(url, known)).cacheKey(newJob(), 0)).key).toBe(id);
    expect(paths((await writeSnapshot(await openGit(`${url}#main`, known))).dir)).toEqual(['f']);
    expect(await failure(`${url}x`, known)).toMatch(/^3 .*r\.gitx' does not appear to be a git repository/);
  });

  it('says why it is not let in, and lets no unknown host in', async () => {
    const known = { 'known-hosts': server.knownHosts };
    expect(await failure(url, known)).toMatch(/^4 .*: .*Permission denied \(publickey\)\. \| .*GIT_SSH_COMMAND/);
    vi.stubEnv('SSH_AUTH_SOCK', server.agent);
    expect(await failure(url, { 'known-hosts': nobody })).toMatch(/^4 .*host key.* \| .*--known-hosts/i);
    const elsewhere = `ssh://${server.authority.replace(/\d+$/, '1')}${root}/r.git`;
    expect(await failure(elsewhere, known)).toMatch(/^75 .*Connection refused/);
  });

  it('uses the ssh command of the environment, with what it names', async () => {
    const key = relative(process.cwd(), server.key);
    const options = `-F none -o IdentitiesOnly=yes -o UserKnownHostsFile=${server.knownHosts}`;
    vi.stubEnv('DEPLOY_KEY', key);
    vi.stubEnv('GIT_SSH_COMMAND', `ssh -i "$DEPLOY_KEY" ${options}`);
    expect(paths((await writeSnapshot(await openGit(url))).dir)).toEqual(['f']);
    vi.stubEnv('GIT_SSH_COMMAND', `ssh -i ${server.otherKey} ${options}`);
    expect(await failure(url)).toMatch(/^4 .*Permission denied/);
    // --known-hosts adds to it.
    vi.stubEnv('GIT_SSH_COMMAND', `ssh -F none -i ${key} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes`);
    expect((await (await openGit(url, { 'known-hosts': server.knownHosts })).cacheKey(newJob(), 0)).key).toBe(id);
    expect(await failure(url, { 'known-hosts': nobody })).toMatch(/^4 .*host key/i);
  });

  it('uses the ssh program of the environment', async () => {
    const program = join(root, "the user's ssh");
    const options = `-F none -i ${server.key} -o IdentitiesOnly=yes`;
    writeFileSync(program, `#!/bin/sh\nexec ssh ${options} "$@"\n`, { mode: 0o755 });
    vi.stubEnv('GIT_SSH', program);
    vi.stubEnv('GIT_SSH_VARIANT', 'ssh');
    expect((await (await openGit(url, { 'known-hosts': server.knownHosts })).cacheKey(newJob(), 0)).key).toBe(id);
  });
});
