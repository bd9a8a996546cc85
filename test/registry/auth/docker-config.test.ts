import { describe, expect, it } from 'vitest';
import {
  entryContent,
  entryForHost,
  entryForRepository,
  keyTarget,
  nearMisses,
  parseDockerConfig,
} from '../../../src/registry/auth/docker-config.ts';

const pair = (text: string): string => Buffer.from(text).toString('base64');

describe('parseDockerConfig', () => {
  it('takes what has the right type and leaves the rest', () => {
    const config = parseDockerConfig(
      '{"auths":{"a":{"auth":"x"},"b":"text"},"credHelpers":{"c":"gcloud","d":1},"credsStore":7,"HttpHeaders":{}}',
    );
    expect([...(config?.auths.keys() ?? [])]).toEqual(['a']);
    expect([...(config?.credHelpers ?? [])]).toEqual([['c', 'gcloud']]);
    expect(config?.credsStore).toBeUndefined();
  });

  it.each(['', '{', 'null', '[]', '"x"'])('is undefined for %j', (text) => {
    expect(parseDockerConfig(text)).toBeUndefined();
  });
});

describe('keys', () => {
  it.each([
    ['registry.example', { host: 'registry.example', path: '' }],
    ['Registry.Example:5000/', { host: 'registry.example:5000', path: '' }],
    ['https://registry.example/v2/', { host: 'registry.example', path: '' }],
    ['https://index.docker.io/v1/', { host: 'index.docker.io', path: '' }],
    ['registry.example/v1', { host: 'registry.example', path: '' }],
    ['registry.example/team/app', { host: 'registry.example', path: 'team/app' }],
    ['https://registry.example/team', undefined],
    ['', undefined],
    ['https://user@registry.example', undefined],
    ['registry.example?x', undefined],
  ])('%j', (key, target) => expect(keyTarget(key)).toEqual(target));

  it('are compared exactly, but for the names of Docker Hub', () => {
    const map = new Map([
      ['registry.example:5000', 1],
      ['evil-registry.example', 2],
      ['docker.io', 3],
      ['https://index.docker.io/v1/', 4],
    ]);
    expect(entryForHost(map, 'registry.example')).toBeUndefined();
    expect(entryForHost(map, 'registry.example:5000')?.value).toBe(1);
    expect(entryForHost(map, 'docker.io')?.value).toBe(4);
    expect(entryForHost(map, 'index.docker.io')?.value).toBe(4);
    expect(nearMisses(map, 'registry.example')).toEqual(['registry.example:5000']);
  });

  it('for a part of a registry: the smallest part that holds the repository, by whole components', () => {
    const map = new Map([
      ['r.example/team', 'team'],
      ['r.example/team/app', 'app'],
      ['r.example/te', 'te'],
      ['r.example', 'all'],
    ]);
    expect(entryForRepository(map, 'r.example', 'team/app')?.value).toBe('app');
    expect(entryForRepository(map, 'r.example', 'team/app2')?.value).toBe('team');
    expect(entryForRepository(map, 'r.example', 'teams/x')).toBeUndefined();
    expect(entryForRepository(map, 'other.example', 'team/app')).toBeUndefined();
  });
});

describe('entries', () => {
  it.each([
    [{ auth: pair('me:pa:ss') }, { kind: 'basic', username: 'me', password: 'pa:ss' }],
    [
      { auth: pair(`me:${'p'.repeat(90)}`).replace(/.{76}/g, '$&\r\n') },
      { kind: 'basic', username: 'me', password: 'p'.repeat(90) },
    ],
    [{ auth: pair('me:pass\0\0') }, { kind: 'basic', username: 'me', password: 'pass' }],
    [
      { username: 'me', password: 'pass' },
      { kind: 'basic', username: 'me', password: 'pass' },
    ],
    [
      { auth: pair('x:y'), identitytoken: 'id' },
      { kind: 'identity-token', token: 'id' },
    ],
    [{ auth: pair('<token>:id') }, { kind: 'identity-token', token: 'id' }],
    [{ registrytoken: 'rt' }, { kind: 'bearer', token: 'rt' }],
    [{}, { kind: 'empty' }],
    [{ auth: '' }, { kind: 'empty' }],
    [{ auth: 5 }, { kind: 'empty' }],
  ])('%j', (entry, content) => expect(entryContent(entry)).toEqual(content));

  it.each(['not base64!', pair('no colon'), pair(':no name')])('%j is malformed, and is not shown', (auth) => {
    const content = entryContent({ auth });
    expect(content.kind).toBe('malformed');
    expect(JSON.stringify(content)).not.toContain(auth);
  });
});
