/** Code that is run must not come from where others may have put it. */
import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import nodeModule from 'node:module';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { needsRoot } from '../support/needs.ts';

/** Node 22.8 and newer do. */
const keeps = 'enableCompileCache' in nodeModule;

describe('compiled code', () => {
  let cache: string;

  beforeEach(() => {
    cache = join(cliHome(), 'cache');
  });

  async function isKept(env: Record<string, string | undefined>): Promise<boolean> {
    const { code, stderr } = await ctxsrc(['--version'], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return existsSync(join(cache, 'ctxsrc-code'));
  }

  it('is kept in the cache directory of the user', async () => {
    expect(await isKept({ XDG_CACHE_HOME: cache })).toBe(keeps);
  });

  it('is kept in that of the home directory', async () => {
    const home = cliHome();
    cache = join(home, '.cache');
    mkdirSync(cache);
    expect(await isKept({ HOME: home, XDG_CACHE_HOME: undefined })).toBe(keeps);
  });

  it('is not kept where everybody may write', async () => {
    chmodSync(cache, 0o777);
    expect(await isKept({ XDG_CACHE_HOME: cache })).toBe(false);
  });

  it.skipIf(!needsRoot("a cache directory of another user's"))('is not kept with another user', async () => {
    chownSync(cache, 65534, 65534);
    expect(await isKept({ XDG_CACHE_HOME: cache })).toBe(false);
  });

  it('is not kept without a cache directory', async () => {
    cache = join(cache, 'none');
    expect(await isKept({ XDG_CACHE_HOME: cache })).toBe(false);
    expect(await isKept({ XDG_CACHE_HOME: undefined, HOME: undefined })).toBe(false);
  });
});
