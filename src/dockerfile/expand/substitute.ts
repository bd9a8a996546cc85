/** The forms of `${…}` that change a value by a pattern. */
import { findPattern, type Match, parsePattern } from './pattern.ts';

const LONGEST = { longest: true, anchored: false };

/** `${name#pattern}`, with `longest` `${name##pattern}`. */
export function withoutPrefix(value: string, pattern: string, longest: boolean): string {
  const characters = Array.from(value);
  const match = findPattern(parsePattern(pattern), characters, 0, { longest, anchored: true }, { steps: 0 });
  return match === undefined ? value : characters.slice(match.end).join('');
}

/** `${name%pattern}`, with `longest` `${name%%pattern}`: the same on everything written backwards. */
export function withoutSuffix(value: string, pattern: string, longest: boolean): string {
  return backwards(withoutPrefix(backwards(value), backwardsPattern(pattern), longest));
}

/** `${name/pattern/replacement}`: the first match, as long as possible. */
export function withFirstReplaced(value: string, pattern: string, replacement: string): string {
  const characters = Array.from(value);
  const match = findPattern(parsePattern(pattern), characters, 0, LONGEST, { steps: 0 });
  if (match === undefined) return value;
  return characters.slice(0, match.start).join('') + replacement + characters.slice(match.end).join('');
}

/** `${name//pattern/replacement}`. BuildKit reads `$0`, `$name` and `$$` in the replacement as Go's regexp package does. */
export function withAllReplaced(
  value: string,
  pattern: string,
  replacement: string,
  check: (length: number) => void,
): string {
  const characters = Array.from(value);
  let result = '';
  let copied = 0;
  for (const match of allMatches(characters, pattern)) {
    result += characters.slice(copied, match.start).join('');
    // An empty match right behind another match is none.
    if (match.end > copied || match.start === 0) {
      result += fromTemplate(replacement, characters.slice(match.start, match.end).join(''));
    }
    copied = match.end;
    check(result.length);
  }
  return result + characters.slice(copied).join('');
}

function* allMatches(characters: readonly string[], pattern: string): Generator<Match> {
  const tokens = parsePattern(pattern);
  const effort = { steps: 0 };
  let at = 0;
  while (at <= characters.length) {
    const match = findPattern(tokens, characters, at, LONGEST, effort);
    if (match === undefined) return;
    yield match;
    at = Math.max(match.end, at + 1);
  }
}

const REFERENCE = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu;

function fromTemplate(template: string, matched: string): string {
  return template.replace(REFERENCE, (reference, bare?: string, braced?: string) => {
    if (reference === '$$') return '$';
    // There are no groups, so every other number and every name stands for nothing.
    return (bare ?? braced) === '0' ? matched : '';
  });
}

function backwards(text: string): string {
  return Array.from(text).reverse().join('');
}

/** A `\` stays before the character that it belongs to. */
function backwardsPattern(pattern: string): string {
  return (pattern.match(/\\?./gsu) ?? []).reverse().join('');
}
