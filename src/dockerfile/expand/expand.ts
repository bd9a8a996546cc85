/** The expansion of variables, for each place where BuildKit expands. All throw `DockerfileProblem`. */
import { type Escape, Lexer, type Lookup } from './lexer.ts';

export type { Lookup } from './lexer.ts';

/** One word: values with blanks stay one word, quotes and escapes are taken off. */
export function expand(word: string, lookup: Lookup, escapeMark: Escape): string {
  return new Lexer(word, lookup, { escape: escapeMark, quotes: 'remove', keepEscapes: false, keepUnset: false }).text();
}

/** As `expand`, and what came out is split at its blanks, as EXPOSE does. */
export function expandToWords(word: string, lookup: Lookup, escapeMark: Escape): readonly string[] {
  return new Lexer(word, lookup, {
    escape: escapeMark,
    quotes: 'remove',
    keepEscapes: false,
    keepUnset: false,
  }).words();
}

/**
 * The text of a here-document of COPY or ADD: quotes are text, and `\` escapes, whatever the escape character is. Bytes
 * that are not UTF-8 become U+FFFD.
 */
export function expandDocument(text: string, lookup: Lookup): string {
  return new Lexer(text.toWellFormed(), lookup, {
    escape: '\\',
    quotes: 'text',
    keepEscapes: false,
    keepUnset: false,
  }).text();
}
