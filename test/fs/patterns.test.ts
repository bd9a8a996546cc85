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
