/**
 * Patterns that include and exclude paths, as moby's patternmatcher decides them (`docs/buildkit.md#patterns`). They are
 * evaluated in order and the last decision wins; a pattern also matches what lies below a directory it matches.
 */
import { CtxsrcError } from '../../core/errors.ts';
import { cleanPath, dirName } from '../../core/go/path.ts';
import { trimGoSpace } from '../../core/go/text.ts';
import { type ByteString, bytesOfText, textOfBytes } from '../byte-string.ts';
import { PatternEffort } from './effort.ts';
import { PatternRegexp } from './go-regexp.ts';
import { RegexpSyntaxError } from './go-regexp-syntax.ts';
import { badPattern, checkFirstChunks, hasWildcard } from './wildcard.ts';

/** Which patterns matched a directory, one byte per pattern: handed down during a walk. */
export type MatchVector = Uint8Array;

/** The position of a pattern, for messages: `.dockerignore line 3: a*`. */
export type PlaceOf = (index: number) => string;

/** What the patterns of a list share: their effort and their positions. */
interface List {
  readonly placeOf: PlaceOf | undefined;
  readonly effort: PatternEffort;
}

/** One pattern of a list. */
export class Pattern {
  /** True for a `!` pattern, which takes back what earlier patterns matched. */
  readonly exception: boolean;
  /** Without `!`, cleaned as a path. */
  readonly clean: ByteString;
  /** Position in its list. */
  readonly index: number;
  readonly #list: List;
  #test: ((path: ByteString) => boolean) | undefined;

  constructor(exception: boolean, clean: ByteString, index: number, list: List) {
    this.exception = exception;
    this.clean = clean;
    this.index = index;
    this.#list = list;
  }

  /**
   * True if the pattern matches the path itself. The caller asks for its parents.
   * @throws CtxsrcError `E_PATTERN` for an invalid expression, for instance `[z-a]`; found only when the pattern is
   * used
   */
  matches(path: ByteString): boolean {
    this.#test ??= compile(this.clean, this.index, this.#list);
    return this.#test(path);
  }
}

/** Patterns of a list, and those with wildcards among them: far above real lists, and a second to compile. */
const MAX_PATTERNS = 100_000;
const MAX_WILDCARDS = 10_000;
/** Characters of all patterns: a second to read. */
const MAX_CHARACTERS = 4 << 20;

/** A list of patterns. */
export class PatternMatcher {
  readonly patterns: readonly Pattern[];
  readonly hasExceptions: boolean;
  readonly #list: List;

  /**
   * @throws CtxsrcError `E_PATTERN` for bad brackets and for a lone `!`, `E_LIMIT` for too many or too long patterns
   */
  constructor(patterns: readonly string[], placeOf?: PlaceOf) {
    this.#list = { placeOf, effort: new PatternEffort() };
    refuseTooMany(patterns.length, MAX_PATTERNS, 'patterns');
    const characters = patterns.reduce((sum, text) => sum + text.length, 0);
    refuseTooMany(characters, MAX_CHARACTERS, 'characters of patterns');
    this.patterns = patterns.flatMap((text, index) => parse(text, index, this.#list) ?? []);
    this.hasExceptions = this.patterns.some((pattern) => pattern.exception);
    const wildcards = this.patterns.filter(({ clean }) => hasWildcard(clean));
    refuseTooMany(wildcards.length, MAX_WILDCARDS, 'patterns with wildcards');
  }

  /** The work of all decisions so far, in units of some tens of nanoseconds. */
  get work(): number {
    return this.#list.effort.work;
  }

  /** The decision on a whole path: each pattern is tried on the path and on its parents. */
  matchesOrParentMatches(path: ByteString): boolean {
    this.#list.effort.nextPath();
    let matched = false;
    for (const pattern of this.patterns) {
      if (pattern.exception !== matched) continue;
      if (pattern.matches(path) || matchesParent(pattern, path)) matched = !pattern.exception;
    }
    return matched;
  }

  /**
   * The decision on a path below a directory whose vector is known: a pattern that matched the directory matches the
   * path, and no other parent is tried. Without a vector the parents are tried as in `matchesOrParentMatches`. A
   * pattern that was not needed for the decision counts as not matching, also for everything below.
   * @param vector receives which patterns matched the path; as long as `patterns`
   */
  matchesBelow(path: ByteString, parent: MatchVector | undefined, vector: MatchVector): boolean {
    let matched = false;
    this.#list.effort.nextPath();
    this.#list.effort.spend(this.patterns.length);
    for (let i = 0; i < this.patterns.length; i += 1) {
      const pattern = this.patterns[i]!;
      let match = parent !== undefined && parent[i] === 1;
      if (!match && pattern.exception === matched) {
        match = pattern.matches(path) || (parent === undefined && matchesParent(pattern, path));
      }
      vector[i] = match ? 1 : 0;
      if (match) matched = !pattern.exception;
    }
    return matched;
  }
}

function refuseTooMany(count: number, most: number, what: string): void {
  if (count <= most) return;
  throw new CtxsrcError('E_LIMIT', `there are ${count} ${what}; more than ${most} are not applied`, {
    hint: 'name the directories that hold the paths, for instance build/ for all that lies in it',
  });
}

function parse(text: string, index: number, list: List): Pattern | undefined {
  const trimmed = trimGoSpace(text);
  if (trimmed === '') return undefined;
  // The path is cleaned before the `!` is looked for, so that `./!a` is an exception and `!./a` is not changed.
  const cleaned = cleanPath(bytesOfText(trimmed));
  const exception = cleaned.startsWith('!');
  if (cleaned === '!') {
    throw new CtxsrcError('E_PATTERN', `illegal exclusion pattern: ${list.placeOf?.(index) ?? '"!"'}`, {
      hint: 'write !PATTERN to take PATTERN back',
    });
  }
  const clean = exception ? cleaned.slice(1) : cleaned;
  try {
    checkFirstChunks(clean);
  } catch {
    throw badPattern(clean, list.placeOf?.(index));
  }
  return new Pattern(exception, clean, index, list);
}

function matchesParent(pattern: Pattern, path: ByteString): boolean {
  const parent = dirName(path);
  if (parent === '.') return false;
  const parts = parent.split('/');
  return parts.some((_, i) => pattern.matches(parts.slice(0, i + 1).join('/')));
}

type MatchType = 'exact' | 'prefix' | 'suffix' | 'regexp';

/**
 * Characters that are special in a regular expression but not in a pattern. `|`, `{` and `}` should be among them, but
 * BuildKit keeps the list in a table without room for characters above 63.
 */
const ESCAPED = '.+()$';

function compile(clean: ByteString, index: number, list: List): (path: ByteString) => boolean {
  const { type, expression } = translate(textOfBytes(clean));
  switch (type) {
    case 'exact':
      return (path) => path === clean;
    case 'prefix': {
      const prefix = clean.slice(0, -2);
      return (path) => path.startsWith(prefix);
    }
    case 'suffix': {
      const suffix = clean.slice(2);
      const whole = suffix.startsWith('/') ? suffix.slice(1) : undefined;
      return (path) => path.endsWith(suffix) || path === whole;
    }
    case 'regexp':
      return compileRegexp(clean, expression, index, list);
  }
}

function compileRegexp(
  clean: ByteString,
  expression: string,
  index: number,
  list: List,
): (path: ByteString) => boolean {
  const { start, inside } = literals(clean);
  let regexp: PatternRegexp | undefined;
  return (path) => {
    if (!path.startsWith(start) || !path.includes(inside)) return false;
    regexp ??= automaton(clean, expression, list.effort, list.placeOf?.(index));
    return regexp.test(textOfBytes(path));
  };
}

function automaton(
  clean: ByteString,
  expression: string,
  effort: PatternEffort,
  place: string | undefined,
): PatternRegexp {
  try {
    return new PatternRegexp(expression, effort);
  } catch (error) {
    if (error instanceof RegexpSyntaxError) throw badPattern(clean, place);
    throw error;
  }
}

/** Characters that do not stand for themselves; also all that are not ASCII, as their bytes may not be text. */
const NOT_LITERAL = /[^\u0001-\u007f]|[|{}^[\]\\]/;

/**
 * Text that every matching path contains: at its start, and anywhere. Searching for it takes a hundredth of the time of
 * an automaton, and most paths do not contain it.
 */
function literals(clean: ByteString): { readonly start: ByteString; readonly inside: ByteString } {
  if (NOT_LITERAL.test(clean)) return { start: '', inside: '' };
  const pieces = clean.split(/\*\*\/?|[*?]/);
  const inside = pieces.reduce((longest, piece) => (piece.length > longest.length ? piece : longest));
  return { start: pieces[0]!, inside };
}

/**
 * The expression of Go's `regexp` for a pattern, and how the pattern is matched: a pattern without special characters
 * is compared as text; one whose only `**` is at its end or its beginning, as a prefix or suffix.
 */
function translate(pattern: string): { type: MatchType; expression: string } {
  // The scanner with which BuildKit reads patterns drops a byte order mark.
  const runes = Array.from(pattern.startsWith('\ufeff') ? pattern.slice(1) : pattern);
  let type: MatchType = 'exact';
  let expression = '^';
  let at = 0;
  while (at < runes.length) {
    const rune = runes[at]!;
    const first = at === 0;
    at += 1;
    if (rune === '*' && runes[at] === '*') {
      at += runes[at + 1] === '/' ? 2 : 1;
      const last = at >= runes.length;
      if (!last) expression += '(.*/)?';
      else if (type !== 'exact') expression += '.*';
      type = last && type === 'exact' ? 'prefix' : 'regexp';
      if (first) type = 'suffix';
    } else if (rune === '*') {
      expression += '[^/]*';
      type = 'regexp';
    } else if (rune === '?') {
      expression += '[^/]';
      type = 'regexp';
    } else if (ESCAPED.includes(rune)) {
      expression += `\\${rune}`;
    } else if (rune === '\\') {
      expression += `\\${runes[at] ?? ''}`;
      at += 1;
      type = 'regexp';
    } else {
      expression += rune;
      if (rune === '[' || rune === ']') type = 'regexp';
    }
  }
  return { type, expression: `${expression}$` };
}
