/** What ssh, forges and proxies say reaches the person, and decides on the exit code. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CtxsrcError } from '../../../src/core/errors.ts';
import { gitFailure } from '../../../src/source/git/failure.ts';
import { needs } from '../../support/needs.ts';
import { newJob } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { openGit } from './served-repositories.ts';

/** What was printed, the exit code, and what has to be in the message. */
const SSH_TEXTS: readonly (readonly [string, number, string])[] = [
  ['git@h: Permission denied (publickey).', 4, 'Permission denied (publickey)'],
  [
    'No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.',
    4,
    'host key',
  ],
  ['ssh: Could not resolve hostname h: Name or service not known', 75, 'Could not resolve hostname h'],
  ['ssh: connect to host h port 22: Connection refused', 75, 'Connection refused'],
  ['ssh: connect to host h port 22: Connection timed out', 75, 'Connection timed out'],
  [
    'Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa',
    4,
    'no matching host key type found. Their offer: ssh-rsa',
  ],
  ['Bad owner or permissions on /home/u/.ssh/config', 74, 'Bad owner or permissions on /home/u/.ssh/config'],
  ['No user exists for uid 1000710000', 74, 'No user exists for uid 1000710000'],
  ['ERROR: Repository not found.', 3, 'Repository not found.'],
  [
    "remote: \nremote: ========================================\nremote: \nremote: ERROR: The project you were looking for could not be found or you don't have permission to view it.\nremote: \n",
    3,
    "The project you were looking for could not be found or you don't have permission to view it.",
  ],
  [
    "The requested repository either does not exist or you do not have access. If you believe this repository exists and you have access, make sure you're authenticated.",
    3,
    'The requested repository either does not exist or you do not have access.',
  ],
  [
    'remote: TF401019: The Git repository with name or identifier r does not exist or you do not have permissions for the operation you are attempting.',
    3,
    'TF401019: The Git repository with name or identifier r does not exist',
  ],
  ['Gitea: Unauthorized\nUser: 3:bob with Key: 5:laptop is not authorized to read o/r.', 4, 'Unauthorized'],
  // Neighbours.
  ['@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @', 4, 'REMOTE HOST IDENTIFICATION HAS CHANGED'],
  [
    'Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures',
    4,
    'Too many authentication failures',
  ],
  ['kex_exchange_identification: Connection closed by remote host', 75, 'Connection closed by remote host'],
  ['ssh: connect to host h port 22: No route to host', 75, 'No route to host'],
  ['sh: 1: ssh: not found', 2, 'ssh: not found'],
  ['ERROR: Permission to o/r.git denied to bob.', 4, 'Permission to o/r.git denied to bob.'],
  ['ERROR: You are using an expired key.', 4, 'expired key'],
  ['remote: Your account is blocked', 4, 'Your account is blocked'],
  ['FATAL: R any o/r bob DENIED by fallthru\n(or you mis-spelled the reponame)', 4, 'R any o/r bob DENIED by fallthru'],
  ['bash: git-upload-pack: command not found', 5, 'git-upload-pack: command not found'],
  [
    '/home/u/.ssh/config: line 1: Bad configuration option: foo\n/home/u/.ssh/config: terminating, 1 bad configuration options',
    2,
    'line 1: Bad configuration option: foo',
  ],
  // The key was there, and not used: that is the reason.
  [
    `Permissions 0644 for '/k' are too open.\nThis private key will be ignored.\nLoad key "/k": bad permissions\ngit@h: Permission denied (publickey).`,
    4,
    `Permissions 0644 for '/k' are too open.; Load key "/k": bad permissions; git@h: Permission denied (publickey).`,
  ],
  ["ERROR: The 'o' organization has enabled or enforced SAML SSO.", 4, 'SAML SSO'],
];

describe.skipIf(!needs('git'))('what ssh and forges say', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each(SSH_TEXTS)('%j', async (text, exit, words) => {
    const program = join(tempDir('ssh'), 'stand-in');
    writeFileSync(`${program}.txt`, `${text}\n`);
    writeFileSync(program, '#!/bin/sh\ncat "$0.txt" >&2\nexit 255\n');
    chmodSync(program, 0o755);
    vi.stubEnv('GIT_SSH', program);
    vi.stubEnv('GIT_SSH_VARIANT', 'ssh');
    const error: CtxsrcError = await (await openGit('git@h:o/r.git')).cacheKey(newJob(), 0).then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error.message).toContain(words);
    expect(error.message).toMatch(/^cannot list the refs of git@h:o\/r\.git: /);
    expect(error.message).not.toMatch(/correct access rights|Could not read from remote|=====|remote:/);
    expect(error.exit).toBe(exit);
    expect(error.hint).toBeDefined();
  });
});

describe('gitFailure', () => {
  const failure = (stderr: string, more: Partial<Parameters<typeof gitFailure>[0]> = {}) =>
    gitFailure({ what: 'fetch https://h/r.git', exit: 128, stderr, reach: 'network', secrets: [], ...more });

  it('shows what a forge says beside what git makes of it', () => {
    const error = failure(
      "remote: Enumerating objects: 5, done.\nremote: Write access to repository not granted.\nfatal: unable to access 'https://h/r.git/': The requested URL returned error: 403\n",
    );
    expect(error.code).toBe('E_FORBIDDEN');
    expect(error.message).toBe(
      "cannot fetch https://h/r.git: Write access to repository not granted.; unable to access 'https://h/r.git/': The requested URL returned error: 403",
    );
  });

  it('shows no secret, no signature, nothing raw and nothing endless', () => {
    const error = failure(
      `remote: token s3cret-token is bad \u001b[31m\nfatal: unable to access 'https://u:pw@h/r.git/?sig=abc#x': The requested URL returned error: 401\n`,
      { secrets: ['s3cret-token'] },
    );
    expect(error.message).toContain("token *** is bad \\x1b[31m; unable to access 'https://h/r.git/'");
    expect(failure(`fatal: ${'x'.repeat(5000)}`).message.length).toBeLessThan(400);
  });

  it('names the proxy that the way leads by', () => {
    const error = failure(
      "fatal: unable to access 'https://h/r.git/': Failed to connect to proxy.corp port 3128: Connection refused\n",
      {
        proxy: { url: new URL('http://u:pw@proxy.corp:3128'), variable: 'https_proxy' },
      },
    );
    expect([error.code, error.message, error.hint]).toEqual([
      'E_NETWORK',
      expect.stringContaining('by way of the proxy proxy.corp:3128'),
      expect.stringContaining('https_proxy'),
    ]);
    expect(failure('fatal: unable to access: Received HTTP code 407 from proxy after CONNECT').exit).toBe(4);
  });

  it.each([
    ['error: unable to write file f\nfatal: No space left on device', 'none', 74],
    ['fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output', 'network', 74],
    ['error: unable to create file f: Permission denied', 'none', 74],
    ['fatal: cannot create pipe: Too many open files', 'network', 74],
    ['fatal: loose object abc is corrupt', 'none', 5],
    ['fatal: something new', 'network', 75],
    ['fatal: something new', 'file', 74],
    ['fatal: invalid gitfile format: /r.bundle', 'file', 3],
    ["fatal: unable to access 'https://h/': Problem with the SSL CA cert (path? access rights?)", 'network', 2],
    ["fatal: unable to access 'https://h/': could not load PEM client certificate, OpenSSL error", 'network', 2],
    ["git: 'remote-https' is not a git command.\nfatal: unable to find remote helper for 'https'", 'network', 2],
    ['fatal: protocol error: bad line length character: Welc', 'network', 5],
    [
      "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none",
      'network',
      4,
    ],
  ] as const)('classes %j', (stderr, reach, exit) => {
    expect(failure(stderr, { reach }).exit).toBe(exit);
  });
});

it('the repository in the cache that was removed meanwhile is a failure of this machine', () => {
  const failed = { what: 'read the repository', exit: 128, secrets: [] };
  const stderr = "fatal: not a git repository: '/cache/workspaces/git-1/work'";
  expect(gitFailure({ ...failed, stderr, reach: 'none' })).toMatchObject({
    code: 'E_IO',
    hint: expect.stringMatching(/run again/),
  });
});

it('of a line without end the beginning is looked through', () => {
  const failed = { what: 'fetch', exit: 128, secrets: [], reach: 'network' } as const;
  const said = (before: number) =>
    gitFailure({ ...failed, stderr: `remote: ${'- x '.repeat(before)}repository not found\n` }).code;
  expect(said(100)).toBe('E_NOT_FOUND');
  expect(said(1000)).toBe('E_NETWORK');
});
