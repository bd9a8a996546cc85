/** `ctxsrc auth --test` says what a registry asks for, and what came of it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { type RegistryAuth, TestRegistry } from '../support/registry.ts';

const LOGIN = { username: 'u', password: 'planted-secret' };

describe('ctxsrc auth --test', () => {
  it.each<[string, RegistryAuth | undefined, boolean, string, string]>([
    ['an open registry', undefined, false, 'asks for none', 'anonymous'],
    ['tokens for anybody', { kind: 'bearer' }, false, 'asks for a token and gives one to anybody', 'anonymous-token'],
    ['a password', { kind: 'basic', ...LOGIN }, true, 'accepts it', 'accepted'],
    ['tokens for a password', { kind: 'bearer', ...LOGIN }, true, 'accepts it', 'accepted'],
  ])('%s', async (_, auth, loggedIn, said, tested) => {
    const registry = await TestRegistry.start({ auth });
    try {
      const home = cliHome();
      const login = { auth: Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64') };
      writeFileSync(join(home, 'config.json'), JSON.stringify({ auths: loggedIn ? { [registry.host]: login } : {} }));
      const options = { home, env: { DOCKER_CONFIG: home } };
      const text = await ctxsrc(['auth', registry.host, '--test'], options);
      expect(text.code, text.stderr).toBe(0);
      expect(text.stdout).toContain(`  tested: the registry ${said}\n`);
      const json = await ctxsrc(['auth', registry.host, '--test', '--json'], options);
      expect(JSON.parse(json.stdout)).toMatchObject({ tested });
      expect(text.stdout + json.stdout).not.toContain(LOGIN.password);
    } finally {
      await registry.stop();
    }
  });

  it('opens no connection offline', async () => {
    const refused = await ctxsrc(['auth', 'r.example', '--test', '--offline']);
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--offline forbids to open a connection');
  });

  it('a registry is a host', async () => {
    const url = await ctxsrc(['auth', 'https://bob:PW-typed@r.example:5000/v2/']);
    expect({ code: url.code, stdout: url.stdout }).toEqual({ code: 2, stdout: '' });
    expect(url.stderr).toBe(
      'ctxsrc: "https://***@r.example:5000/v2/" is no registry\nhint: type ctxsrc auth r.example:5000\n',
    );
  });

  it('a credential that cannot be had is told once, with the command that shows why', async () => {
    const registry = await TestRegistry.start({ auth: { kind: 'basic', ...LOGIN } });
    try {
      const home = cliHome();
      const helper = join(home, 'docker-credential-locked');
      writeFileSync(helper, '#!/bin/sh\necho planted-secret\nexit 7\n', { mode: 0o755 });
      writeFileSync(join(home, 'config.json'), JSON.stringify({ credHelpers: { [registry.host]: 'locked' } }));
      const options = { home, env: { DOCKER_CONFIG: home, PATH: `${home}:${process.env.PATH}` } };
      const hint = `to see what it says: echo ${registry.host} | docker-credential-locked get`;
      const key = await ctxsrc(['key', `docker-image://${registry.host}/app`], options);
      expect(key.code).toBe(4);
      expect(
        key.stderr.match(/docker-credential-locked\) *: docker-credential-locked failed with exit code 7/g),
      ).toHaveLength(1);
      expect(key.stderr).toContain('\nhint: to see what it says: echo');
      const tested = await ctxsrc(['auth', registry.host, '--test'], options);
      expect(tested.code).toBe(4);
      expect(tested.stdout).toContain(`failed with exit code 7; ${hint}\n`);
      expect(tested.stderr).toContain(`hint: ${hint}\n`);

      const stray = {
        home,
        env: { DOCKER_CONFIG: join(home, 'none'), CTXSRC_USERNAME: 'u', CTXSRC_PASSWORD: 'planted-secret' },
      };
      const lost = await ctxsrc(['key', `docker-image://${registry.host}/app`], stray);
      expect(lost.code).toBe(4);
      expect(lost.stderr).toContain('CTXSRC_REGISTRY: not set, so nobody gets CTXSRC_USERNAME, CTXSRC_PASSWORD');
      expect(lost.stderr).toContain(`hint: set CTXSRC_REGISTRY=${registry.host} if they are for it`);
      const wrong = { home, env: { ...stray.env, CTXSRC_REGISTRY: registry.host, CTXSRC_PASSWORD: 'wrong-secret' } };
      const refused = await ctxsrc(['auth', registry.host, '--test'], wrong);
      expect(refused.stdout).toContain('user u from CTXSRC_USERNAME and CTXSRC_PASSWORD');
      expect(refused.stderr).toContain(`hint: log in anew: docker login ${registry.host}\n`);
      const all = [key, tested, lost, refused].map(({ stdout, stderr }) => stdout + stderr).join('');
      expect(all).not.toMatch(/planted-secret|wrong-secret/);
    } finally {
      await registry.stop();
    }
  });
});
