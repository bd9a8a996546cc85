/** Where a submodule may come from: judged by the addresses that its host has, however it is written. */
import { describe, expect, it } from 'vitest';
import type { Store } from '../../../src/contract/index.ts';
import { checkSubmoduleHost } from '../../../src/source/git/submodule-host.ts';
import { parseGitUrl } from '../../../src/source/git/url.ts';
import { newEnv } from '../../support/source-env.ts';

/** What names mean here; others have no address. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  h: ['192.0.2.1'],
  forge: ['127.0.0.1'],
  other: ['192.0.2.2', '2001:db8::2'],
  metadata: ['169.254.169.254'],
  both: ['192.0.2.3', '::1'],
  mapped: ['::ffff:127.0.0.1'],
};

const check = (submodule: string, reference: string, allowAddress: readonly string[] = []) =>
  checkSubmoduleHost(parseGitUrl(submodule), parseGitUrl(reference), {
    network: newEnv({} as Store, { network: { allowAddress } }).network,
    signal: new AbortController().signal,
    offline: false,
    lookUp: async (name) => NAMES[name] ?? Promise.reject(new Error(`no such name: ${name}`)),
  });

describe('checkSubmoduleHost', () => {
  it.each([
    ['http://169.254.169.254/x.git', 'https://h/r.git'],
    ['http://127.0.0.1:8080/x.git', 'https://h/r.git'],
    ['http://localhost/x.git', 'https://h/r.git'],
    ['http://localhost./x.git', 'https://h/r.git'],
    ['ssh://git@[::1]/x.git', 'https://h/r.git'],
    ['http://[::ffff:169.254.169.254]/x.git', 'https://h/r.git'],
    ['git@169.254.169.254:x.git', 'git@h:r.git'],
    ['http://169.254.169.254/x.git', 'http://127.0.0.1/r.git'],
    ['http://2852039166/x.git', 'https://h/r.git'],
    ['http://0xa9fea9fe:80/x.git', 'https://h/r.git'],
    ['git@127.1:x.git', 'git@h:r.git'],
    ['git://0177.0.0.1/x.git', 'https://h/r.git'],
    ['http://１２７.0.0.1/x.git', 'https://h/r.git'],
    ['http://ⓛocalhost/x.git', 'https://h/r.git'],
    ['https://metadata/x.git', 'https://h/r.git'],
    ['https://METADATA./x.git', 'https://h/r.git'],
    ['git@metadata:x.git', 'git@h:r.git'],
    ['https://metadata/x.git', 'https://forge/r.git'],
    ['https://both/x.git', 'https://h/r.git'],
    ['https://mapped/x.git', 'https://h/r.git'],
  ])('refuses %s of %s, unless it is allowed', async (submodule, reference) => {
    await expect(check(submodule, reference)).rejects.toThrow(expect.objectContaining({ code: 'E_UNSAFE' }));
    await check(submodule, reference, ['127.0.0.0/8', '::1', '169.254.0.0/16']);
  });

  it('lets loopback name loopback, the named host itself, and everybody what is open', async () => {
    await check('http://localhost:1/x.git', 'http://127.0.0.1:2/r.git');
    await check('http://localhost:1/x.git', 'http://forge/r.git');
    await check('https://METADATA:8443/x.git', 'https://metadata/r.git');
    await check('https://10.0.0.1/x.git', 'https://h/r.git');
    await check('https://other/x.git', 'http://localhost/r.git');
    await check('https://missing/x.git', 'https://h/r.git');
  });

  it('says where git has to find the name', async () => {
    expect(await check('https://Other/x.git', 'https://h/r.git')).toEqual([
      'other:443:192.0.2.2,[2001:db8::2]',
      'other.:443:192.0.2.2,[2001:db8::2]',
    ]);
    expect((await check('http://other:8080/x.git', 'https://h/r.git'))[0]).toBe('other:8080:192.0.2.2,[2001:db8::2]');
    expect(await check('https://192.0.2.9/x.git', 'https://h/r.git')).toEqual([]);
  });
});
