import { describe, expect, test } from 'vitest';
import { PatternMatcher } from '../../src/fs/patterns.ts';

const matches = (pattern: string, path: string): boolean => new PatternMatcher([pattern]).matchesOrParentMatches(path);

describe('a pattern as long as a line may be', () => {
  // With time that grows with the square of the length, each of these would take minutes.
  test('with thousands of braces that count nothing', () => {
    const text = '{1a'.repeat(20_000);
    expect(matches(`[x]${text}}`, `x${text}}`)).toBe(true);
  });

  test('with thousands of classes that are not closed', () => {
    expect(matches(`[${'[:'.repeat(30_000)}x]`, ':')).toBe(true);
  });
});

test.each([
  ['[x]{2}', 'xx', true],
  ['[x]{2}', 'x', false],
  ['[x]{,2}', 'x{,2}', true],
  ['[x]{2,1,}', 'x{2,1,}', true],
  ['[[:]', ':', true],
  ['[[:alpha:]]', 'b', true],
])('%s and %s: %s', (pattern, path, expected) => {
  expect(matches(pattern, path)).toBe(expected);
});

describe('more patterns than anyone writes', () => {
  const list = (count: number, text: (i: number) => string) => Array.from({ length: count }, (_, i) => text(i));

  test.each([
    ['of all kinds', 100_000, (i: number) => `dir/${i}`, 'there are 100001 patterns; more than 100000 are not applied'],
    ['with wildcards', 10_000, (i: number) => `**/a${i}*`, 'there are 10001 patterns with wildcards; more than 10000'],
  ])('%s are refused, and so many are not', (_, most, text, message) => {
    expect(new PatternMatcher(list(most, text)).patterns).toHaveLength(most);
    expect(() => new PatternMatcher(list(most + 1, text))).toThrow(
      expect.objectContaining({ code: 'E_LIMIT', message: expect.stringContaining(message) }),
    );
  });

  test('are mostly decided by the text in them', () => {
    const matcher = new PatternMatcher(list(10_000, (i) => `**/a${i}*b*`));
    expect(matcher.matchesOrParentMatches('src/a77/xb')).toBe(false);
    expect(matcher.matchesOrParentMatches('src/a77-b/x')).toBe(true);
    const vector = new Uint8Array(10_000);
    const before = matcher.work;
    expect(matcher.matchesBelow('src/main.c', new Uint8Array(10_000), vector)).toBe(false);
    expect(matcher.work - before).toBe(10_000);
  });
});
