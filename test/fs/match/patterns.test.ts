import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { PatternEffort } from '../../../src/fs/match/effort.ts';
import { PatternRegexp } from '../../../src/fs/match/go-regexp.ts';
import { PatternMatcher } from '../../../src/fs/match/patterns.ts';

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

  test('or longer ones are refused', () => {
    expect(() => new PatternMatcher(list(80, () => 'x/'.repeat(30_000)))).toThrow(
      expect.objectContaining({ code: 'E_LIMIT', message: expect.stringContaining('4800000 characters of patterns') }),
    );
  });

  test.each([
    ['a million states', 10, (i: number) => `*${'[a]{900}'.repeat(500)}${i}`],
    ['much work of one path', 1000, (i: number) => `*[a]{900}${i}`],
  ])('that ask for %s are given up', (_, count, text) => {
    const matcher = new PatternMatcher(list(count, text));
    expect(() => matcher.matchesOrParentMatches('a'.repeat(250))).toThrow(
      expect.objectContaining({ code: 'E_LIMIT', message: 'there are too many patterns for so many paths' }),
    );
  });

  test('remember no more together than has room, and decide the same', () => {
    const effort = new PatternEffort();
    const expressions = [/^[ab]*b[ab]{60}$/, /^[ab]*a[ab]{61}$/];
    const automata = expressions.map(({ source }) => new PatternRegexp(source, effort));
    for (let i = 0; i < 1000 && effort.generation < 2; i += 1) {
      const text = createHash('sha512').update(`${i}`).digest('hex').replace(/[0-7]/g, 'a').replace(/[^a]/g, 'b');
      effort.nextPath();
      expect(automata.map((one) => one.test(text))).toEqual(expressions.map((one) => one.test(text)));
      effort.remember(16 << 20);
    }
    expect(effort.generation).toBe(2);
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
