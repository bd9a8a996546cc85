import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bytesOfText, textOfBytes } from '../../src/fs/byte-string.ts';
import { PatternMatcher } from '../../src/fs/match/patterns.ts';

interface Case {
  readonly name: string;
  readonly input: { readonly patterns: readonly string[]; readonly path: string };
  readonly expect: {
    readonly newError?: string;
    readonly matchError?: string;
    readonly usingParentsError?: string;
    readonly cleanedPatterns?: readonly string[] | null;
    readonly matchesOrParentMatches?: boolean;
    readonly matchesUsingParentResults?: boolean;
  };
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/patterns.json', import.meta.url), 'utf8')) as {
  count: number;
  cases: Case[];
};

/** As a walk does: each component with what its parent's matching left behind. */
function matchFromTheTop(matcher: PatternMatcher, path: string): boolean {
  const parts = path.split('/');
  let matched = false;
  let parent: Uint8Array | undefined;
  for (let i = 1; i <= parts.length; i += 1) {
    const vector = new Uint8Array(matcher.patterns.length);
    matched = matcher.matchesBelow(parts.slice(0, i).join('/'), parent, vector);
    parent = vector;
  }
  return matched;
}

describe(`patterns.json, ${vectors.count} cases`, () => {
  test('the file is complete', () => expect(vectors.cases).toHaveLength(vectors.count));

  test.each(vectors.cases)('$name', ({ input, expect: expected }) => {
    if (expected.newError !== undefined) {
      expect(() => new PatternMatcher(input.patterns)).toThrow(expected.newError);
      return;
    }
    const matcher = new PatternMatcher(input.patterns);
    const cleaned = matcher.patterns.map(({ exception, clean }) => (exception ? '!' : '') + textOfBytes(clean));
    expect(cleaned).toEqual(expected.cleanedPatterns ?? []);
    const path = bytesOfText(input.path);
    if (expected.matchError !== undefined) {
      expect(() => matcher.matchesOrParentMatches(path)).toThrow(expected.matchError);
      expect(() => matchFromTheTop(matcher, path)).toThrow(expected.usingParentsError);
      return;
    }
    expect(matcher.matchesOrParentMatches(path)).toBe(expected.matchesOrParentMatches);
    expect(matchFromTheTop(matcher, path)).toBe(expected.matchesUsingParentResults);
  });
});
