/** Cases made up at random, and what Go makes of them: the code that BuildKit is built from is right. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { parseIgnoreFile } from '../../src/fs/ignore-file.ts';
import { PatternMatcher } from '../../src/fs/patterns.ts';
import { Wildcard } from '../../src/fs/wildcard.ts';

function load<T>(name: string): { readonly made: string; readonly cases: readonly T[] } {
  return JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8'));
}

/** 1 or 0, or E when the pattern is refused. */
function answer(decide: () => boolean): string {
  try {
    return decide() ? '1' : '0';
  } catch (error) {
    if (error instanceof CtxsrcError && error.code === 'E_PATTERN') return 'E';
    throw error;
  }
}

function fromTheTop(matcher: PatternMatcher, path: string): boolean {
  let parent: Uint8Array | undefined;
  let matched = false;
  for (const [i] of path.split('/').entries()) {
    const vector = new Uint8Array(matcher.patterns.length);
    matched = matcher.matchesBelow(
      path
        .split('/')
        .slice(0, i + 1)
        .join('/'),
      parent,
      vector,
    );
    parent = vector;
  }
  return matched;
}

describe('patterns', () => {
  const { made, cases } = load<[patterns: string[], path: string, result: string]>('patterns');
  test(`${cases.length} as ${made}`, () => {
    for (const [bytes, path, result] of cases) {
      const patterns = bytes.map((pattern) => Buffer.from(pattern, 'latin1').toString());
      const about = JSON.stringify([patterns, path]);
      if (result === 'C') {
        expect(
          answer(() => new PatternMatcher(patterns).hasExceptions),
          about,
        ).toBe('E');
        continue;
      }
      // What an error leaves behind is nobody's business, so that each form has a matcher of its own.
      const [whole, walked, alone] = [0, 1, 2].map(() => new PatternMatcher(patterns)) as [
        PatternMatcher,
        PatternMatcher,
        PatternMatcher,
      ];
      const answers = [
        answer(() => whole.matchesOrParentMatches(path)),
        answer(() => fromTheTop(walked, path)),
        answer(() => alone.matchesBelow(path, undefined, new Uint8Array(alone.patterns.length))),
      ];
      expect(answers.join(''), about).toBe(result);
    }
  });
});

describe('wildcards', () => {
  const { made, cases } = load<[pattern: string, name: string, result: string]>('wildcards');
  test(`${cases.length} as ${made}`, () => {
    for (const [pattern, name, result] of cases) {
      expect(
        answer(() => new Wildcard(pattern).matches(name)),
        JSON.stringify([pattern, name]),
      ).toBe(result);
    }
  });
});

describe('ignore files', () => {
  const { made, cases } = load<[file: string, patterns: string[]]>('ignore-files');
  test(`${cases.length} as ${made}`, () => {
    for (const [file, patterns] of cases) {
      const lines = parseIgnoreFile(Buffer.from(file, 'latin1'), '.dockerignore');
      expect(
        lines.map(({ pattern }) => pattern),
        JSON.stringify(file),
      ).toEqual(patterns);
    }
  });
});
