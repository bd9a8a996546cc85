/** What a reference to a file behind a URL may say. */
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/contract/index.ts';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { source } from '../../../src/source/http/source.ts';

const usage = (rest: string, attrs: Attributes = {}): string => {
  try {
    source.identify({ scheme: 'https', rest, text: '' }, attrs);
  } catch (error) {
    if (isCtxsrcError(error) && error.exit === 2) return error.message;
    throw error;
  }
  throw new Error(`${rest} was accepted`);
};

describe('http source', () => {
  it('says where secrets belong instead of a header', () => {
    const header = ['Authorization: Basic dTpw'];
    expect(() => source.identify({ scheme: 'https', rest: 'h/f', text: 'https://h/f' }, { header })).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/--auth-token-file.*--netrc/) }),
    );
  });

  it('names what is wrong with a reference', () => {
    expect(usage('u:p@h/f')).toMatch(/no user and no password/);
    expect(usage('h/a b')).toMatch(/neither spaces/);
    expect(usage('h/%zz')).toMatch(/invalid escape/);
    expect(usage('')).toMatch(/no URL/);
    expect(usage('h/f', { checksum: 'sha256:abc' })).toMatch(/checksum digest length/);
    expect(usage('h/f', { perm: '0x' })).toMatch(/--perm is no number/);
    expect(usage('h/f', { perm: '08' })).toMatch(/--perm is no number/);
    expect(usage('h/f', { header: ['Authorization: x'] })).toMatch(/is a secret/);
    expect(usage('h/f', { header: ['Range: x'] })).toMatch(/not for --header/);
    expect(usage('h/f', { header: ['x'] })).toMatch(/is no header/);
    expect(usage('h/f', { header: ['A: x\r\nB: y'] })).toMatch(/is no header/);
    expect(usage('h/f', { header: ['A: x', 'a: y'] })).toMatch(/given twice/);
    expect(usage('h/f', { 'strip-components': 1 })).toMatch(/without --unpack/);
  });

  it('round-trips its identifiers', () => {
    for (const rest of ['h/f?x=1#y', 'H:8080/a%20b', 'h']) {
      const attrs = { filename: 'a', perm: '0644', header: ['accept: x'], unpack: true, 'strip-components': 1 };
      const id = source.identify({ scheme: 'https', rest, text: '' }, attrs);
      expect(String(id)).toBe(`https://${rest}`);
      expect(source.identify({ scheme: 'https', rest: String(id).slice(8), text: '' }, id.attributes)).toEqual(id);
    }
  });
});
