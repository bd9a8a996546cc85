/**
 * Quotes, escapes and variables of one word, as BuildKit's shell lexer reads them. Most of its users want the expanded
 * text; here-documents are found by the words that it splits a line into. All of it reads on from one position, so it
 * is one class.
 */
import { isGoSpace } from '../../core/go/text.ts';
import { DockerfileProblem } from '../problem.ts';
import { withAllReplaced, withFirstReplaced, withoutPrefix, withoutSuffix } from './substitute.ts';

/** The value of a variable; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

/** The character that takes the meaning off the next one, and continues a line at its end. */
export type Escape = '\\' | '`';

export interface LexerOptions {
  readonly escape: Escape;
  /** Whether quotes group and vanish, group and stay, or are text like any other. */
  readonly quotes: 'remove' | 'keep' | 'text';
  /** Escape characters stay before what they escape. */
  readonly keepEscapes: boolean;
  /** A variable that is not set stays as it is written. */
  readonly keepUnset: boolean;
}

/** Longer values fit into no environment; without a limit, a few lines that double a variable would fill the memory. */
const MAX_LENGTH = 16 << 20;
/** `${a:-${b:-…}}`. */
const MAX_DEPTH = 200;

/** Digits alone, if it begins with one; letters, digits and `_`; or one of the shell's special parameters. */
const NAME = /\p{Nd}+|[\p{L}\p{Nd}_]+|[@*#?$!-]/uy;

export class Lexer {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #options: LexerOptions;
  #keepEscapes: boolean;
  #at: number;
  #depth = 0;
  #splits = false;
  /** The word that is being read. A nested `${…}` empties it, as in BuildKit. */
  #word = '';

  constructor(text: string, lookup: Lookup, options: LexerOptions) {
    this.#text = text;
    this.#lookup = lookup;
    this.#options = options;
    this.#keepEscapes = options.keepEscapes;
    // Go's scanner drops a byte order mark at the beginning.
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
  }

  /**
   * Everything as one word.
   * @throws DockerfileProblem
   */
  text(): string {
    return this.#until(undefined, this.#keepEscapes).text;
  }

  /**
   * Split at the blanks that are not quoted, also at those that came out of a variable.
   * @throws DockerfileProblem
   */
  words(): readonly string[] {
    this.#splits = true;
    return this.#until(undefined, this.#keepEscapes).words;
  }

  /** Reads up to the stop character, which is taken, or to the end. */
  #until(stop: string | undefined, keepEscapes: boolean): { text: string; words: string[] } {
    const before = this.#keepEscapes;
    this.#keepEscapes = keepEscapes;
    this.#word = '';
    const words: string[] = [];
    let result = '';
    let stopped = false;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at]!;
      if (character === stop) {
        this.#at += 1;
        stopped = true;
        break;
      }
      const special = this.#special(character);
      if (special !== undefined) {
        result += special;
        if (character === '$') this.#addToWords(special, words);
        else this.#word += special;
        checkLength(result.length);
        continue;
      }
      this.#at += 1;
      if (character !== this.#options.escape) {
        this.#addToWords(character, words);
        result += character;
        continue;
      }
      if (this.#keepEscapes) {
        this.#word += character;
        result += character;
      }
      // An escape character at the end is dropped.
      const escaped = this.#text[this.#at] ?? '';
      this.#at += 1;
      this.#word += escaped;
      result += escaped;
    }
    this.#endWord(words);
    this.#keepEscapes = before;
    if (stop !== undefined && !stopped) throw new DockerfileProblem(`a closing ${stop} is missing`);
    return { text: result, words };
  }

  /** The text of a construct that begins here; undefined when none does. */
  #special(character: string): string | undefined {
    if (character === '$') return this.#dollar();
    if (character === '<') return this.#heredocMark();
    if (this.#options.quotes === 'text') return undefined;
    if (character === "'") return this.#singleQuoted();
    return character === '"' ? this.#doubleQuoted() : undefined;
  }

  #addToWords(text: string, words: string[]): void {
    if (!this.#splits) return;
    for (const character of text) {
      if (isGoSpace(character)) this.#endWord(words);
      else this.#word += character;
    }
  }

  #endWord(words: string[]): void {
    if (this.#word !== '') words.push(this.#word);
    this.#word = '';
  }

  /** `<<` with the blanks behind it, which belong to the word. */
  #heredocMark(): string {
    const mark = /<(?:<[\t\r ]*)?/y;
    mark.lastIndex = this.#at;
    const text = mark.exec(this.#text)![0];
    this.#at += text.length;
    return text;
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw unclosed("'");
    const keep = this.#options.quotes === 'keep' ? 1 : 0;
    const text = this.#text.slice(this.#at + 1 - keep, end + keep);
    this.#at = end + 1;
    return text;
  }

  #doubleQuoted(): string {
    const quote = this.#options.quotes === 'keep' ? '"' : '';
    let result = quote;
    this.#at += 1;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) throw unclosed('"');
      if (character === '$') {
        result += this.#dollar();
        checkLength(result.length);
        continue;
      }
      this.#at += 1;
      if (character === '"') return result + quote;
      if (character !== this.#options.escape) {
        result += character;
        continue;
      }
      if (this.#keepEscapes) result += character;
      const next = this.#text[this.#at];
      if (next === undefined) continue;
      if (next === '"' || next === '$' || next === this.#options.escape) {
        this.#at += 1;
        result += next;
      } else result += character;
    }
  }

  #dollar(): string {
    this.#at += 1;
    if (this.#text[this.#at] === '{') {
      this.#at += 1;
      this.#depth += 1;
      if (this.#depth > MAX_DEPTH) throw new DockerfileProblem(`\${…} is nested more than ${MAX_DEPTH} deep`);
      const value = this.#braces();
      this.#depth -= 1;
      return value;
    }
    const name = this.#name();
    if (name === '') return '$';
    return this.#lookup(name) ?? (this.#options.keepUnset ? `$${name}` : '');
  }

  #braces(): string {
    const first = this.#text[this.#at];
    if (first === undefined) throw missingBrace();
    if ('{}:'.includes(first)) {
      throw new DockerfileProblem(`\${${first} names no variable`, `write \${NAME}, or \\$ for a dollar sign`);
    }
    const name = this.#name();
    let modifier = this.#next();
    if (modifier === '}') return this.#lookup(name) ?? (this.#options.keepUnset ? `\${${name}}` : '');
    if (modifier === '/') return this.#replacement(name);
    const emptyIsUnset = modifier === ':';
    if (emptyIsUnset) modifier = this.#next();
    const byPattern = modifier === '#' || modifier === '%';
    const written = emptyIsUnset ? `:${modifier}` : modifier;
    if (!'+-?#%'.includes(modifier) || modifier === '' || (emptyIsUnset && byPattern)) {
      // What follows the modifier is read first, as in BuildKit: it may have a fault of its own.
      if (emptyIsUnset && !byPattern) this.#part('}', false);
      throw unknownModifier(written, modifier === '');
    }
    const word = this.#part('}', byPattern);
    const value = this.#lookup(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}${written}${word}}`;
    const unset = value === undefined || (emptyIsUnset && value === '');
    if (modifier === '-') return unset ? word : value;
    if (modifier === '+') return unset ? '' : word;
    if (modifier === '?') {
      if (!unset) return value;
      const state = value === undefined ? 'is not set' : 'is empty';
      throw new DockerfileProblem(
        word === '' ? `the variable ${name} ${state}` : `${name}: ${word}`,
        `give it a value, for instance by --build-arg ${name}=…`,
      );
    }
    const longest = word.startsWith(modifier);
    const pattern = longest ? word.slice(1) : word;
    return modifier === '#'
      ? withoutPrefix(value ?? '', pattern, longest)
      : withoutSuffix(value ?? '', pattern, longest);
  }

  /** `${name/pattern/replacement}` behind the first `/`. */
  #replacement(name: string): string {
    const all = this.#text[this.#at] === '/';
    if (all) this.#at += 1;
    const pattern = this.#part('/', true);
    const replacement = this.#part('}', true);
    const value = this.#lookup(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
    return all
      ? withAllReplaced(value ?? '', pattern, replacement, checkLength)
      : withFirstReplaced(value ?? '', pattern, replacement);
  }

  #part(stop: string, keepEscapes: boolean): string {
    return this.#until(stop, keepEscapes).text;
  }

  #name(): string {
    NAME.lastIndex = this.#at;
    const name = NAME.exec(this.#text)?.[0] ?? '';
    this.#at += name.length;
    return name;
  }

  #next(): string {
    const character = /^./su.exec(this.#text.slice(this.#at, this.#at + 2))?.[0] ?? '';
    this.#at += character.length;
    return character;
  }
}

function checkLength(length: number): void {
  if (length > MAX_LENGTH)
    throw new DockerfileProblem('a value becomes longer than 16 MiB', 'use fewer variables in it');
}

function unclosed(quote: string): DockerfileProblem {
  return new DockerfileProblem(
    `a closing ${quote} is missing`,
    `close the quote, or write \\${quote} for the character`,
  );
}

function missingBrace(): DockerfileProblem {
  return new DockerfileProblem('a closing } is missing', `write \${NAME}`);
}

function unknownModifier(modifier: string, ended: boolean): DockerfileProblem {
  if (ended) return missingBrace();
  return new DockerfileProblem(
    `\${name${modifier}…} is no form that BuildKit knows`,
    `the forms are \${name}, \${name:-word}, \${name:+word}, \${name:?word}, \${name#pattern}, \${name%pattern}, \${name/pattern/word}`,
  );
}
