import { expect, test } from 'vitest';
import { printable } from '../../src/core/printable.ts';

test.each([
  ['plain/päth 名 😀', 'plain/päth 名 😀'],
  ['\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
  ['a\nb\tc\r', 'a\\x0ab\\x09c\\x0d'],
  ['\u007f\u0080\u009b31m', '\\x7f\\x80\\x9b31m'],
  ['evil\u202efdp.exe', 'evil\\u202efdp.exe'],
  ['line\u2028break', 'line\\u2028break'],
  ['\ud800x', '\\ud800x'],
  ['x\udc00', 'x\\udc00'],
])('%j is shown as %s', (text, shown) => {
  expect(printable(text)).toBe(shown);
});
