import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { formatContainerdReference, parseContainerdReference } from '../../src/oci/containerd-reference.ts';
import {
  familiarReference,
  formatReference,
  parseNormalizedReference,
  withDefaultTag,
} from '../../src/oci/reference.ts';

const HEX = '0123456789abcdef'.repeat(4);

describe('parseNormalizedReference', () => {
  it.each([
    ['localhost/x', 'localhost/x:latest', 'localhost/x:latest'],
    ['[::1]:5000/x', '[::1]:5000/x:latest', '[::1]:5000/x:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['index.docker.io/a/b:1', 'docker.io/a/b:1', 'a/b:1'],
    ['library/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    [`a@sha256:${HEX}`, `docker.io/library/a@sha256:${HEX}`, `a@sha256:${HEX}`],
    [`a:1@sha256:${HEX}`, `docker.io/library/a:1@sha256:${HEX}`, `a:1@sha256:${HEX}`],
  ])('%s is %s, for people %s', (text, whole, familiar) => {
    const reference = withDefaultTag(parseNormalizedReference(text));
    expect(formatReference(reference)).toBe(whole);
    expect(familiarReference(reference)).toBe(familiar);
    expect(parseNormalizedReference(whole)).toEqual(reference);
  });

  it.each([
    HEX,
    'Alpine',
    'a/B',
    'a:',
    'a@',
    'a:b:c',
    '/a',
    'a/',
    'a b',
    `a@sha256:${HEX.slice(1)}`,
    `a@sha256:${HEX.toUpperCase()}`,
    `a@md5:${'a'.repeat(32)}`,
    `${'a/'.repeat(130)}a`,
    'a'.repeat(5000),
    'ALPINE'.repeat(1000),
    'a\n',
    '../etc/passwd',
  ])('refuses %j', (text) => {
    expect(() => parseNormalizedReference(text)).toThrow(expect.objectContaining({ code: 'E_REFERENCE', exit: 2 }));
  });

  it.each([
    ['./dir', 'it is a path'],
    ['/dir', 'it is a path'],
    ['https://host/a', 'a URL stands where a name is meant'],
    ['a b', 'it holds a blank'],
    ['a@sha256:abc', 'what stands behind @ is no digest'],
    ['a:', 'its tag is empty'],
    ['a//b', 'it does not have the form of one'],
  ])('says why %j is none', (text, why) => {
    expect(() => parseNormalizedReference(text)).toThrow(`is not valid: ${why}`);
  });

  it('names what was typed', () => {
    expect(() => parseNormalizedReference('al pine')).toThrow('image name "al pine" is not valid');
  });

  it('takes no long time over anything', () => {
    const texts = ['a'.repeat(1000), 'a-'.repeat(500), 'a_'.repeat(500), '0.'.repeat(500), `a${'/a'.repeat(120)}!`];
    for (const text of texts) {
      const start = performance.now();
      expect(() => parseNormalizedReference(text)).toThrow(CtxsrcError);
      expect(performance.now() - start).toBeLessThan(200);
    }
  });
});

describe('parseContainerdReference', () => {
  it.each([
    ['h/a:1@sha256:x', { locator: 'h/a', object: '1@sha256:x' }],
    ['h/a@sha256:x', { locator: 'h/a', object: '@sha256:x' }],
    ['h/../a/./b:1', { locator: 'a/b', object: '1' }],
    ['u:p@h:1/a:2', { locator: 'h:1/a', object: '2' }],
    ['[::1]:5000/a:1', { locator: '[::1]:5000/a', object: '1' }],
    ['h/%41:1', { locator: 'h/A', object: '1' }],
    ['h/a%3A1', { locator: 'h/a', object: '1' }],
    ['h/a:1?q#f', { locator: 'h/a', object: '1' }],
    ['h:1:2/a', { locator: 'h:1:2/a', object: '' }],
    ['h]/a:1', { locator: 'h]/a', object: '1' }],
    ['[fe80::1%25en0]:5/a', { locator: '[fe80::1%en0]:5/a', object: '' }],
    ['h/a#f\n', { locator: 'h/a', object: '' }],
    ['h\u00e9/a:1', { locator: 'h\u00e9/a', object: '1' }],
  ])('reads %s', (text, reference) => {
    expect(parseContainerdReference(text)).toEqual(reference);
  });

  it.each([
    'h:x/a',
    'h:1:x/a',
    'h[1]/a',
    '[::1%25]/a',
    '[::1/a',
    '[nope]/a',
    'h%41/a',
    'h/%zz',
    'h/%4',
    'h/a#%',
    'a^b/c',
    'u r@h/a',
    '/a:1',
    'h/a\u0000',
    'x://y',
  ])('refuses %j', (text) => {
    expect(() => parseContainerdReference(text)).toThrow(expect.objectContaining({ code: 'E_REFERENCE' }));
  });

  it('reads back what it prints', () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    fc.assert(
      fc.property(name, fc.array(name), name, (host, path, tag) => {
        const reference = parseContainerdReference(`${[host, ...path].join('/')}/x:${tag}`);
        expect(parseContainerdReference(formatContainerdReference(reference))).toEqual(reference);
      }),
    );
  });
});
