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
});
