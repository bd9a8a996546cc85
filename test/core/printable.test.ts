import { expect, test } from 'vitest';
import { listed, printable, printableJson, shortened } from '../../src/core/printable.ts';

test.each([
  ['plain/päth 名 😀', 'plain/päth 名 😀'],
  ['\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
  ['a\nb\tc\r', 'a\\x0ab\\x09c\\x0d'],
  ['\u007f\u0080\u009b31m', '\\x7f\\x80\\x9b31m'],
  ['evil\u202efdp.exe', 'evil\\u202efdp.exe'],
  ['line\u2028break', 'line\\u2028break'],
  // Marks of direction, joiners and the like, of which there are more than the usual two dozen.
  ['a\u061cb\u00adc\u200bd\u200de\u2060f\u206ag\ufeffh', 'a\\u061cb\\xadc\\u200bd\\u200de\\u2060f\\u206ag\\ufeffh'],
  ['tag\u{e0041}', 'tag\\u{e0041}'],
  ['\ud800x', '\\ud800x'],
  ['x\udc00', 'x\\udc00'],
])('%j is shown as %s', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('what is long is cut between two characters, and of many names some are shown', () => {
  const usual = `registry.example/${'a'.repeat(238)}:${'t'.repeat(128)}`;
  expect(shortened(usual)).toBe(usual);
  expect(shortened('x'.repeat(1e6))).toBe(`${'x'.repeat(400)}…`);
  expect(shortened(`${'x'.repeat(399)}😀😀`)).toBe(`${'x'.repeat(399)}…`);
  expect(shortened('\u001b'.repeat(500))).toBe(`${'\\x1b'.repeat(400)}…`);
  expect(listed(['a', 'b\u0007'])).toBe('a, b\\x07');
  expect(listed(Array.from({ length: 300_000 }, () => 'y'.repeat(1000))).length).toBeLessThan(10_000);
});

test('JSON says the same, without anything that a terminal obeys', () => {
  const value = { 'a\u009b31m': ['\u001b[2J', 'x\u202ey', '\u{e0041}', '\ud800', 'name 名 😀', 'line\n\u2028'] };
  const json = `${printableJson(JSON.stringify(value))}\n`;
  expect(JSON.parse(json)).toEqual(value);
  expect(json).toContain('name 名 😀');
  expect(json).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}](?!$)/u);
});
