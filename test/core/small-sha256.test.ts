import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestLike, sha256 } from '../../src/core/digest.ts';
import { smallSha256 } from '../../src/core/small-sha256.ts';

describe('SHA-256 of what is small', () => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ])('is that of FIPS 180-4: %j', (text, hex) => {
    expect(smallSha256(Buffer.from(text))).toBe(hex);
  });

  it('is that of node:crypto for every length around the ends of blocks, and for a long text', () => {
    for (const length of [...Array(300).keys(), 4095, 4096, 100_000]) {
      const data = randomBytes(length);
      expect(smallSha256(data)).toBe(createHash('sha256').update(data).digest('hex'));
    }
  });

  it('reads the bytes of a view, not of what lies around it', () => {
    const data = randomBytes(200);
    expect(smallSha256(data.subarray(50, 130))).toBe(createHash('sha256').update(data.subarray(50, 130)).digest('hex'));
  });
});

describe('digests', () => {
  it('are the same on both sides of the size from which node:crypto makes them', () => {
    for (const length of [8192, 8193]) {
      const data = randomBytes(length);
      const expected = `sha256:${createHash('sha256').update(data).digest('hex')}`;
      expect([sha256(data), digestLike('sha256:00', data)]).toEqual([expected, expected]);
    }
  });

  it('of a text are of its UTF-8', () => {
    expect(sha256('ä€😀')).toBe(`sha256:${createHash('sha256').update('ä€😀').digest('hex')}`);
  });

  it('of another algorithm are node:crypto’s', () => {
    const data = Buffer.from('abc');
    expect(digestLike('sha512:00', data)).toBe(`sha512:${createHash('sha512').update(data).digest('hex')}`);
  });
});
