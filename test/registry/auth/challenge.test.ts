import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../src/registry/auth/challenge.ts';

describe('parseChallenges', () => {
  it("reads a registry's challenge", () => {
    const header =
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull"';
    expect(parseChallenges([header])).toEqual([
      {
        kind: 'bearer',
        parameters: {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:library/alpine:pull',
        },
      },
    ]);
  });

  it('reads several challenges in one header', () => {
    const found = parseChallenges(['Negotiate, Basic realm="a, b", charset="UTF-8", Bearer realm=r,service=s']);
    expect(found.map((one) => one.kind)).toEqual(['negotiate', 'basic', 'bearer']);
    expect(found[1]?.parameters).toEqual({ realm: 'a, b', charset: 'UTF-8' });
    expect(found[2]?.parameters).toEqual({ realm: 'r', service: 's' });
  });

  it('reads several headers, and a token68 between them', () => {
    const found = parseChallenges(['Negotiate YIIB+/abc==, Basic realm="x"', 'BEARER Realm = "y" ']);
    expect(found).toEqual([
      { kind: 'negotiate', parameters: {} },
      { kind: 'basic', parameters: { realm: 'x' } },
      { kind: 'bearer', parameters: { realm: 'y' } },
    ]);
  });

  it('unescapes quoted strings, and keeps commas and equal signs in them', () => {
    const [one] = parseChallenges(['Bearer realm="a\\"b\\\\c",scope="repository:x:pull,push repository:y:pull=z"']);
    expect(one?.parameters).toEqual({ realm: 'a"b\\c', scope: 'repository:x:pull,push repository:y:pull=z' });
  });

  it('lets the first of two parameters of a name win, and knows no prototype', () => {
    const [one] = parseChallenges(['Bearer realm="https://a",realm="https://evil",__proto__="x",constructor="y"']);
    expect(one?.parameters.realm).toBe('https://a');
    expect(one?.parameters.constructor).toBe('y');
  });

  it.each([
    ['', 0],
    [',,,', 0],
    ['"', 0],
    ['Bearer', 1],
    ['Bearer realm="never closed', 1],
    ['realm="no scheme"', 0],
    ['Basic realm="a" Bearer realm="b"', 1],
  ])('gives up on %j without guessing', (text, count) => {
    expect(parseChallenges([text])).toHaveLength(count);
    for (const one of parseChallenges([text])) expect(one.parameters.realm).not.toBe('b');
  });

  it('takes no longer for a hostile header', () => {
    const start = performance.now();
    parseChallenges([`Bearer ${'a=,'.repeat(100_000)}`, `${'"\\'.repeat(50_000)}`, `Bearer ${' '.repeat(90_000)}=`]);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
