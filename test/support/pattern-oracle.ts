/** Patterns decided a second time, by other means: recursion over the text instead of an automaton. */
import { posix } from 'node:path';
import fc from 'fast-check';

/** What a pattern without `!` says about one path. Knows `*`, `**`, `?`, `[ab]`, `[^a]` and plain characters. */
function oracleMatches(pattern: string, path: string): boolean {
  if (pattern.startsWith('**') && !/[*?[\]\\]/.test(pattern.slice(2))) {
    const rest = pattern.slice(2);
    return path.endsWith(rest) || (rest.startsWith('/') && path === rest.slice(1));
  }
  if (!/[*?[\]\\]/.test(pattern)) return pattern === path;
  return glob(Array.from(pattern), Array.from(path));
}

function glob(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, second] = pattern;
  if (first === undefined) return path.length === 0;
  if (first === '*' && second === '*') {
    const rest = pattern.slice(pattern[2] === '/' ? 3 : 2);
    if (rest.length === 0) return true;
    return glob(rest, path) || path.some((char, i) => char === '/' && glob(rest, path.slice(i + 1)));
  }
  if (first === '*') return glob(pattern.slice(1), path) || (plain(path[0]) && glob(pattern, path.slice(1)));
  if (first === '?') return plain(path[0]) && glob(pattern.slice(1), path.slice(1));
  if (first === '[') {
    const end = pattern.indexOf(']');
    const negated = second === '^';
    const members = pattern.slice(negated ? 2 : 1, end);
    const char = path[0];
    return char !== undefined && members.includes(char) !== negated && glob(pattern.slice(end + 1), path.slice(1));
  }
  return path[0] === first && glob(pattern.slice(1), path.slice(1));
}

const plain = (char: string | undefined): boolean => char !== undefined && char !== '/';

interface Rule {
  readonly exception: boolean;
  readonly clean: string;
}

function oracleRules(patterns: readonly string[]): Rule[] {
  return patterns.map((pattern) => {
    const clean = posix.normalize(pattern).replace(/(?<=.)\/$/, '');
    return clean.startsWith('!') ? { exception: true, clean: clean.slice(1) } : { exception: false, clean };
  });
}

/** The decision on a whole path. */
export function oracleDecides(patterns: readonly string[], path: string): boolean {
  const parts = path.split('/');
  const ways = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  return oracleRules(patterns).reduce(
    (matched, { exception, clean }) =>
      exception === matched && ways.some((way) => oracleMatches(clean, way)) ? !exception : matched,
    false,
  );
}

/** The decision when a tree is walked from its top: what matched a directory matches what is below, nothing else does. */
export function oracleWalks(patterns: readonly string[], path: string): boolean {
  const rules = oracleRules(patterns);
  let inherited = new Set<Rule>();
  let matched = false;
  const parts = path.split('/');
  for (let i = 1; i <= parts.length; i += 1) {
    const own = new Set<Rule>();
    matched = false;
    for (const rule of rules) {
      const hit =
        inherited.has(rule) || (rule.exception === matched && oracleMatches(rule.clean, parts.slice(0, i).join('/')));
      if (!hit) continue;
      own.add(rule);
      matched = !rule.exception;
    }
    inherited = own;
  }
  return matched;
}

const piece = fc.constantFrom('a', 'b', 'ab', '*', '**', '/', '?', '[ab]', '[^a]', '.', 'é', '-', '/**/', '**/', '/*');

/** Patterns that are valid and stay inside the oracle's syntax. */
export const arbitraryPattern: fc.Arbitrary<string> = fc
  .tuple(fc.boolean(), fc.array(piece, { minLength: 1, maxLength: 6 }))
  .map(([exception, pieces]) => (exception ? '!' : '') + pieces.join(''))
  .filter((pattern) => !/^!?[/.]*$/.test(pattern) && !/^!\/?$/.test(posix.normalize(pattern)));

export const arbitraryName: fc.Arbitrary<string> = fc.constantFrom(
  'a',
  'b',
  'ab',
  'ba',
  '.a',
  'é',
  'a-b',
  'aé',
  'abab',
);

export const arbitraryPath: fc.Arbitrary<string> = fc
  .array(arbitraryName, { minLength: 1, maxLength: 4 })
  .map((names) => names.join('/'));
