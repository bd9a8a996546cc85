import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCredentialLookup, explainCredentials } from '../../../src/registry/auth/credentials.ts';
import { askHelper } from '../../../src/registry/auth/helper.ts';
import { tempDir } from '../../support/temp.ts';

const SECRET = 'planted-secret-Pa55w0rd';
const pair = (text: string): string => Buffer.from(text).toString('base64');
const auths = (entries: Record<string, string>): string =>
  JSON.stringify({
    auths: Object.fromEntries(Object.entries(entries).map(([key, user]) => [key, { auth: pair(`${user}:${SECRET}`) }])),
  });

interface Machine {
  readonly dir: string;
  readonly env: Record<string, string | undefined>;
  file(path: string, text: string): string;
  helper(name: string, script: string): void;
}

/** A home of its own and a PATH with nothing but the helpers that the test makes (and what `sh` needs). */
function machine(env: Record<string, string> = {}): Machine {
  const dir = tempDir('credentials');
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  return {
    dir,
    env: { HOME: dir, XDG_RUNTIME_DIR: join(dir, 'run'), PATH: `${bin}:/usr/bin:/bin`, ...env },
    file(path, text) {
      const full = join(dir, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, text);
      return full;
    },
    helper(name, script) {
      const path = join(bin, `docker-credential-${name}`);
      writeFileSync(path, `#!/bin/sh\n${script}\n`);
      chmodSync(path, 0o755);
    },
  };
}

describe('the places of credentials', () => {
  it('are looked at in order: the first that has one wins, the rest are named with the reason', async () => {
    const all = machine({
      CTXSRC_REGISTRY: 'r.example',
      CTXSRC_USERNAME: 'from-env',
      CTXSRC_PASSWORD: SECRET,
      DOCKER_AUTH_CONFIG: auths({ 'r.example': 'from-variable' }),
    });
    const files = ['flag.json', '.docker/config.json', 'run/containers/auth.json', '.config/containers/auth.json'];
    for (const file of files) all.file(file, auths({ 'r.example': `from-${file}` }));
    const env = { ...all.env };
    let registryConfig: string | undefined = join(all.dir, 'flag.json');
    const takeAway: (() => unknown)[] = [
      () => undefined,
      () => {
        registryConfig = undefined;
      },
      () => delete env.CTXSRC_REGISTRY,
      () => delete env.DOCKER_AUTH_CONFIG,
      ...files.slice(1).map((file) => () => all.file(file, '{}')),
    ];
    const winners: string[] = [];
    for (const step of takeAway) {
      step();
      const report = await explainCredentials({ env, registry: 'r.example', registryConfig });
      winners.push(report.credential?.kind === 'basic' ? report.credential.username : 'none');
      expect(JSON.stringify(report.passedOver)).not.toContain(SECRET);
      expect(report.passedOver.length).toBeGreaterThanOrEqual(4);
      for (const passed of report.passedOver) expect(passed.reason).not.toBe('');
    }
    expect(winners).toEqual([
      'from-flag.json',
      'from-env',
      'from-variable',
      'from-.docker/config.json',
      'from-run/containers/auth.json',
      'from-.config/containers/auth.json',
      'none',
    ]);
  });

  it('can be moved by DOCKER_CONFIG, REGISTRY_AUTH_FILE and XDG_CONFIG_HOME', async () => {
    const { env, dir, file } = machine();
    file('d/config.json', auths({ 'a.example': 'docker' }));
    const authFile = file('auth-file.json', auths({ 'b.example': 'file' }));
    file('xdg/containers/auth.json', auths({ 'c.example': 'xdg' }));
    const find = async (host: string, extra: Record<string, string>): Promise<string | undefined> => {
      const credential = await createCredentialLookup({ env: { ...env, ...extra } })(host);
      return credential?.kind === 'basic' ? credential.username : undefined;
    };
    expect(await find('a.example', { DOCKER_CONFIG: join(dir, 'd') })).toBe('docker');
    expect(await find('b.example', { REGISTRY_AUTH_FILE: authFile })).toBe('file');
    expect(await find('c.example', { XDG_CONFIG_HOME: join(dir, 'xdg') })).toBe('xdg');
    expect(
      await find('c.example', { XDG_CONFIG_HOME: join(dir, 'xdg'), REGISTRY_AUTH_FILE: authFile }),
    ).toBeUndefined();
  });

  it('of the environment serve the host they name and no other', async () => {
    const { env } = machine({ CTXSRC_REGISTRY: 'r.example:5000', CTXSRC_TOKEN: SECRET });
    const lookup = createCredentialLookup({ env });
    expect(await lookup('r.example:5000')).toEqual({ kind: 'bearer', token: SECRET, origin: 'CTXSRC_TOKEN' });
    for (const other of ['r.example', 'r.example:5001', 'evil.r.example:5000'])
      expect(await lookup(other)).toBeUndefined();
  });

  it('tell when the environment is half set', async () => {
    const { env } = machine({ CTXSRC_REGISTRY: 'r.example', CTXSRC_USERNAME: 'me' });
    await expect(createCredentialLookup({ env })('r.example')).rejects.toMatchObject({
      code: 'E_CREDENTIALS',
      exit: 4,
    });
    const stray = await explainCredentials({ env: { ...env, CTXSRC_REGISTRY: '' }, registry: 'r.example' });
    expect(stray.passedOver[0]?.reason).toContain('CTXSRC_USERNAME');
  });

  it('know Docker Hub by every spelling', async () => {
    for (const key of ['https://index.docker.io/v1/', 'docker.io', 'index.docker.io', 'registry-1.docker.io']) {
      const { env, file } = machine();
      file('.docker/config.json', auths({ [key]: 'hub' }));
      expect(await createCredentialLookup({ env })('docker.io', 'library/alpine'), key).toMatchObject({
        username: 'hub',
      });
    }
  });

  it('may have entries for a part of a registry, which go before the helper of the whole', async () => {
    const { env, file, helper } = machine();
    helper('whole', `echo '{"Username":"whole","Secret":"${SECRET}"}'`);
    const config = JSON.parse(auths({ 'r.example/team': 'team' })) as Record<string, unknown>;
    file('.docker/config.json', JSON.stringify({ ...config, credHelpers: { 'r.example': 'whole' } }));
    const lookup = createCredentialLookup({ env });
    expect(await lookup('r.example', 'team/app')).toMatchObject({ username: 'team' });
    expect(await lookup('r.example', 'other/app')).toMatchObject({ username: 'whole' });
    expect(await lookup('r.example')).toMatchObject({ username: 'whole' });
  });

  it('name what is nearly the host', async () => {
    const { env, file } = machine();
    file('.docker/config.json', auths({ 'r.example:5000': 'me' }));
    const { passedOver, credential } = await explainCredentials({ env, registry: 'r.example' });
    expect(credential).toBeUndefined();
    expect(passedOver.some((passed) => passed.reason.includes('r.example:5000'))).toBe(true);
  });

  it('that cannot be read are passed over, but for the one of the flag', async () => {
    const { env, file } = machine();
    const broken = file('.docker/config.json', `{"auths": ${SECRET}`);
    file('.config/containers/auth.json', auths({ 'r.example': 'next' }));
    const lookup = createCredentialLookup({ env });
    expect(await lookup('r.example')).toMatchObject({ username: 'next' });
    const failing = lookup('other.example').catch((error: Error) => error);
    expect(await failing).toMatchObject({ code: 'E_CREDENTIALS', message: expect.stringContaining(broken) });
    expect(String(await failing)).not.toContain(SECRET);
    for (const registryConfig of [broken, `${broken}.missing`]) {
      await expect(createCredentialLookup({ env, registryConfig })('r.example')).rejects.toMatchObject({
        code: 'E_CONFIG',
        exit: 2,
      });
    }
  });

  it('say that an entry is empty or malformed', async () => {
    const { env, file } = machine();
    file('.docker/config.json', JSON.stringify({ auths: { 'a.example': {}, 'b.example': { auth: 'bm8=' } } }));
    const reasons = async (registry: string): Promise<string> =>
      JSON.stringify((await explainCredentials({ env, registry })).passedOver);
    expect(await reasons('a.example')).toContain('neither password nor token');
    expect(await reasons('b.example')).toContain('not base64 of NAME:PASSWORD');
  });
});

describe('credential helpers', () => {
  it('are asked by the key docker uses, once', async () => {
    const { env, dir, file, helper } = machine();
    helper('store', `read key; echo "$1 $key" >> ${dir}/asked; echo '{"Username":"me","Secret":"${SECRET}"}'`);
    file('.docker/config.json', '{"credsStore":"store"}');
    const lookup = createCredentialLookup({ env });
    const found = await Promise.all([
      lookup('docker.io', 'library/a'),
      lookup('docker.io', 'library/b'),
      lookup('r.example'),
    ]);
    for (const credential of found)
      expect(credential).toMatchObject({ kind: 'basic', username: 'me', password: SECRET });
    expect(readFileSync(join(dir, 'asked'), 'utf8').trim().split('\n').sort()).toEqual([
      'get https://index.docker.io/v1/',
      'get r.example',
    ]);
  });

  it('give identity tokens by the user name <token>', async () => {
    const { env, file, helper } = machine();
    helper('acr', `echo '{"Username":"<token>","Secret":"${SECRET}"}'`);
    file('.docker/config.json', '{"credHelpers":{"r.example":"acr"}}');
    expect(await createCredentialLookup({ env })('r.example')).toMatchObject({ kind: 'identity-token', token: SECRET });
  });

  it('that are missing matter only to the registry they are for', async () => {
    const { env, file } = machine();
    const config = JSON.parse(auths({ 'r.example': 'me' })) as object;
    file('.docker/config.json', JSON.stringify({ ...config, credHelpers: { 'gcr.example': 'ctxsrc-absent' } }));
    const lookup = createCredentialLookup({ env });
    expect(await lookup('r.example')).toMatchObject({ username: 'me' });
    expect(await lookup('public.example')).toBeUndefined();
    await expect(lookup('gcr.example')).rejects.toMatchObject({
      code: 'E_CREDENTIALS',
      message: expect.stringContaining('docker-credential-ctxsrc-absent is not in PATH'),
      hint: expect.stringContaining('install docker-credential-ctxsrc-absent'),
    });
  });

  it('that fail are passed over when another place has a credential', async () => {
    const { env, file } = machine();
    file('.docker/config.json', '{"credsStore":"ctxsrc-absent"}');
    file('.config/containers/auth.json', auths({ 'r.example': 'podman' }));
    expect(await createCredentialLookup({ env })('r.example')).toMatchObject({ username: 'podman' });
  });

  it.each([
    ['a code', `echo 'locked: ${SECRET}' ; exit 3`, 'exit code 3'],
    ['no JSON', `echo ${SECRET}`, 'something else than a credential'],
    ['JSON of another shape', `echo '{"Secret":{}}'`, 'something else than a credential'],
    ['JSON and a code', `echo '{"Secret":"${SECRET}"}'; exit 1`, 'exit code 1'],
    ['an endless answer', 'yes', 'more than 1048576 bytes'],
    ['no end', 'exec sleep 60', 'did not answer within'],
  ])('that end with %s have failed, without their output being told', async (_name, script, why) => {
    const { env, helper } = machine();
    helper('broken', script);
    const start = performance.now();
    const answer = await askHelper('broken', 'r.example', env, 1000);
    expect(answer).toMatchObject({
      kind: 'failed',
      why: expect.stringContaining(why),
      hint: 'to see what it says: echo r.example | docker-credential-broken get',
    });
    expect(JSON.stringify(answer)).not.toContain(SECRET);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it('that have none for the registry are no failure', async () => {
    const { env, helper } = machine();
    helper('none', `echo 'credentials not found in native keychain'; exit 1`);
    helper('empty', `echo '{"Username":"","Secret":""}'`);
    expect(await askHelper('none', 'r.example', env, 5000)).toEqual({ kind: 'none' });
    expect(await askHelper('empty', 'r.example', env, 5000)).toEqual({ kind: 'none' });
  });

  it.each(['../evil', '/bin/sh', 'a b', '', '-x'])('are not run under the name %j', async (name) => {
    expect(await askHelper(name, 'r.example', { PATH: '/usr/bin:/bin' }, 1000)).toMatchObject({ kind: 'failed' });
  });
});
