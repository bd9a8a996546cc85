import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeGoJson, type GoValue } from '../../../src/core/go/json-encode.ts';

/** Any Unicode text; fast-check's own takes seconds to set up. */
const anyText = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }).filter((code) => code < 0xd800 || code > 0xdfff))
  .map((codes) => String.fromCodePoint(...codes));

describe('encodeGoJson', () => {
  it.each<[string, GoValue, string]>([
    ['keeps the order of members and leaves undefined ones out', { B: 'x', A: 1, C: undefined }, '{"B":"x","A":1}'],
    ['tells null from an empty list', { a: null, b: [] }, '{"a":null,"b":[]}'],
    ['escapes what HTML would trip over', '<a & b>', '"\\u003ca \\u0026 b\\u003e"'],
    ['escapes line and paragraph separators', '\u2028\u2029', '"\\u2028\\u2029"'],
    ['uses the short forms', '"\\\b\f\n\r\t', '"\\"\\\\\\b\\f\\n\\r\\t"'],
    ['writes other controls in lower-case hex', '\u0000\u001f\u000b', '"\\u0000\\u001f\\u000b"'],
    ['leaves DEL, slash and quote alone', "\u007f/'é😀", '"\u007f/\'é😀"'],
    ['replaces a lone surrogate by the character', 'a\ud800b\udc00', '"a\ufffdb\ufffd"'],
    ['keeps a pair', '\ud83d\ude00', '"\u{1f600}"'],
    [
      'writes each byte that is not UTF-8 as an escape',
      Uint8Array.of(0x61, 0xff, 0xe2, 0x82, 0x62),
      '"a\\ufffd\\ufffd\\ufffdb"',
    ],
    ['keeps U+FFFD itself as a character', Buffer.from('\ufffd<'), '"\ufffd\\u003c"'],
    ['reads an encoded surrogate as three bad bytes', Uint8Array.of(0xed, 0xa0, 0x80), '"\\ufffd\\ufffd\\ufffd"'],
    ['reads an overlong form as bad bytes', Uint8Array.of(0xc0, 0xaf), '"\\ufffd\\ufffd"'],
    ['writes integers of any length', [1n << 62n, -5, true], '[4611686018427387904,-5,true]'],
  ])('%s', (_, value, expected) => {
    expect(encodeGoJson(value)).toBe(expected);
  });

  it('refuses numbers whose spelling differs between the languages', () => {
    expect(() => encodeGoJson(1.5)).toThrow(TypeError);
    expect(() => encodeGoJson(2 ** 60)).toThrow(TypeError);
  });

  it('writes what JSON.parse reads back, and text like its bytes', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const encoded = encodeGoJson(text);
        expect(JSON.parse(encoded)).toBe(text);
        expect(encoded).not.toMatch(/[<>&\u2028\u2029\u0000-\u001f]/);
        expect(encodeGoJson(Buffer.from(text))).toBe(encoded);
      }),
    );
  });
});
