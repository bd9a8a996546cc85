/**
 * JSON as Go's `encoding/json` reads it, first half: text to nodes. Members keep their order and their duplicates, and
 * numbers their spelling, because both matter when a node is decoded (`json-decode.ts`).
 */
import { goText } from './text.ts';

/** Go's `maxNestingDepth`. */
const MAX_DEPTH = 10_000;

/** A number in its original spelling. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object with all its members, in their original order. */
export class JsonObject {
  readonly members: (readonly [name: string, value: JsonNode])[] = [];
}

export type JsonNode = null | boolean | string | JsonNumber | JsonObject | readonly JsonNode[];

/** A problem in the document; `readGoJson` turns it into its caller's error. */
export class JsonProblem extends Error {}

interface OpenList {
  readonly items: JsonNode[];
}
interface OpenObject {
  readonly object: JsonObject;
  name: string;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LITERALS: ReadonlyMap<string, readonly [word: string, value: null | boolean]> = new Map([
  ['n', ['null', null]],
  ['t', ['true', true]],
  ['f', ['false', false]],
]);

/** Parses one document iteratively, so that Go's limit bounds the depth and not the stack. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    const open: (OpenList | OpenObject)[] = [];
    for (;;) {
      let node = this.#begin(open);
      while (node !== undefined) {
        const top = open.at(-1);
        if (top === undefined) {
          this.#space();
          if (this.#at < this.#text.length) throw this.#unexpected('after the document');
          return node;
        }
        node = 'items' in top ? this.#addItem(top, node) : this.#addMember(top, node);
        if (node !== undefined) open.pop();
      }
    }
  }

  /**
   * Reads a scalar or an empty container and returns it; returns undefined after it opened a container, whose first
   * value comes next.
   */
  #begin(open: (OpenList | OpenObject)[]): JsonNode | undefined {
    this.#space();
    const char = this.#text[this.#at];
    if (char === '"') return this.#string();
    if (char !== '{' && char !== '[') return this.#scalar();
    if (open.length >= MAX_DEPTH) throw new JsonProblem('exceeded max depth');
    this.#at += 1;
    this.#space();
    if (char === '[') {
      if (this.#take(']')) return [];
      open.push({ items: [] });
    } else {
      if (this.#take('}')) return new JsonObject();
      open.push({ object: new JsonObject(), name: this.#name() });
    }
    return undefined;
  }

  /** Returns the list if it ended after this item. */
  #addItem(list: OpenList, item: JsonNode): JsonNode | undefined {
    list.items.push(item);
    this.#space();
    if (this.#take(',')) return undefined;
    if (this.#take(']')) return list.items;
    throw this.#unexpected('after an array element');
  }

  /** Returns the object if it ended after this member. */
  #addMember(open: OpenObject, value: JsonNode): JsonNode | undefined {
    open.object.members.push([open.name, value]);
    this.#space();
    if (this.#take('}')) return open.object;
    if (!this.#take(',')) throw this.#unexpected('after an object member');
    this.#space();
    open.name = this.#name();
    return undefined;
  }

  #name(): string {
    if (this.#text[this.#at] !== '"') throw this.#unexpected('where a member name should begin');
    const name = this.#string();
    this.#space();
    if (!this.#take(':')) throw this.#unexpected('after a member name');
    return name;
  }

  #string(): string {
    const start = this.#at;
    let escaped = false;
    for (this.#at += 1; ; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (code === 0x5c) {
        escaped = true;
        this.#at += 1;
      } else if (!(code >= 0x20)) {
        throw this.#unexpected('in a string');
      }
    }
    this.#at += 1;
    if (!escaped) return this.#text.slice(start + 1, this.#at - 1);
    try {
      const text = JSON.parse(this.#text.slice(start, this.#at)) as string;
      return text.replace(/\p{Surrogate}/gu, '\ufffd');
    } catch {
      throw new JsonProblem(`invalid escape in the string at character ${start}`);
    }
  }

  #scalar(): JsonNode {
    const literal = LITERALS.get(this.#text[this.#at] ?? '');
    if (literal !== undefined) {
      const [word, value] = literal;
      if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected('where a value should begin');
      this.#at += word.length;
      return value;
    }
    NUMBER.lastIndex = this.#at;
    const number = NUMBER.exec(this.#text);
    if (number === null) throw this.#unexpected('where a value should begin');
    this.#at = NUMBER.lastIndex;
    return new JsonNumber(number[0]);
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #unexpected(where: string): JsonProblem {
    const char = this.#text[this.#at];
    if (char === undefined) return new JsonProblem('unexpected end of JSON input');
    return new JsonProblem(`invalid character ${JSON.stringify(char)} ${where} (at character ${this.#at})`);
  }
}

/**
 * The document as nodes, by the rules of Go's `encoding/json`: invalid UTF-8 and lone surrogates become U+FFFD, anything after the
 * document, a byte order mark, or more than 10000 levels is an error.
 * @throws JsonProblem
 */
export function parseGoJson(bytes: Uint8Array): JsonNode {
  return new Parser(goText(bytes)).document();
}
