import { describe, expect, it } from 'vitest';
import { parsePair } from '../../src/cli/values.ts';
import { apiHost, hostListed, hostName, isDockerHub, isLoopback } from '../../src/http/host.ts';
import { endpointsFor, parseMirror } from '../../src/registry/mirrors.ts';

describe('hosts', () => {
  it('know Docker Hub by all its names, and no other host by them', () => {
    expect(apiHost('docker.io')).toBe('registry-1.docker.io');
    expect(apiHost('INDEX.docker.io')).toBe('registry-1.docker.io');
    expect(apiHost('docker.io.evil.example')).toBe('docker.io.evil.example');
    expect(isDockerHub('docker.io:443')).toBe(false);
  });

  it.each(['localhost', 'localhost:5000', '127.0.0.1:5000', '127.9.8.7', '[::1]:5000', '[::1]', 'a.localhost'])(
    '%s is loopback',
    (host) => expect(isLoopback(host)).toBe(true),
  );

  it.each([
    'localhost.example',
    '127.0.0.1.example',
    '128.0.0.1',
    '[::2]:5000',
    'registry.example',
    '1',
    'a1',
    '10.0.0.1',
  ])('%s is not loopback', (host) => expect(isLoopback(host)).toBe(false));

  it('lose their port and brackets', () => {
    expect(hostName('A.example:5000')).toBe('a.example');
    expect(hostName('[2001:DB8::1]:5000')).toBe('2001:db8::1');
    expect(hostName('2001:db8::1')).toBe('2001:db8::1');
  });

  it('are in a list with their port, or with all their ports', () => {
    expect(hostListed(['a.example:5000'], 'A.example:5000')).toBe(true);
    expect(hostListed(['a.example:5000'], 'a.example')).toBe(false);
    expect(hostListed(['a.example'], 'a.example:5000')).toBe(true);
    expect(hostListed(['example'], 'a.example')).toBe(false);
    expect(hostListed(['[::2]'], '[::2]:80')).toBe(true);
  });
});

describe('mirrors', () => {
  it('are asked before the registry, under their own name and path', () => {
    const mirrors = [
      { host: 'docker.io', mirror: 'mirror.example/hub' },
      { host: 'ghcr.io', mirror: 'other.example' },
      { host: 'registry-1.docker.io', mirror: 'second.example:5000' },
    ];
    const [origin, ...copies] = endpointsFor({ host: 'docker.io', repository: 'library/alpine' }, mirrors);
    expect(origin).toEqual({
      host: 'docker.io',
      api: 'registry-1.docker.io',
      repository: 'library/alpine',
      mirror: false,
    });
    expect(copies.map(({ host, repository, namespace }) => `${host} ${repository} ${namespace}`)).toEqual([
      'mirror.example hub/library/alpine docker.io',
      'second.example:5000 library/alpine docker.io',
    ]);
  });

  it.each(['https://mirror.example', 'mirror.example/../x', 'a b', '', '/x', 'user@host', 'host/UPPER', 'host?x=1'])(
    'refuse %j',
    (text) => expect(() => parseMirror(text)).toThrow(expect.objectContaining({ code: 'E_CONFIG' })),
  );

  it('do not repeat a password that was typed', () => {
    expect(() => parseMirror('https://bob:PW-typed@mirror.example')).toThrow(/"https:\/\/\*\*\*@mirror.example"/);
    expect(() => parsePair('--mirror', 'bob:PW-typed@mirror.example')).toThrow(/"\*\*\*@mirror.example"/);
  });

  it.each([
    ['[::1]:5000/a/b', { host: '[::1]:5000', path: 'a/b' }],
    ['mirror.example/', { host: 'mirror.example', path: '' }],
  ])('read %s', (text, expected) => expect(parseMirror(text)).toEqual(expected));
});
