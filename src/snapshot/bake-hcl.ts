/**
 * As much of HCL as the contexts of a bake file need: blocks, attributes, comments, literal texts and maps. What needs an
 * evaluation (variables, functions, templates) is refused where it would decide on a context, and skipped elsewhere.
 */

/** Ends the reading with what is wrong. */
export type Fail = (what: string) => never;

/** Where a context was found, its name and its reference. */
export type FoundContext = readonly [where: string, name: string, reference: string];

type Token =
  | { readonly kind: 'text'; readonly value: string; readonly template: boolean; readonly line: number }
  | { readonly kind: 'word' | 'mark'; readonly value: string; readonly line: number };

/** The contexts of all `target` blocks. */
export function readBakeHcl(text: string, fail: Fail): FoundContext[] {
  return new Reader(tokenize(text, fail), fail).targets();
}

function tokenize(text: string, fail: Fail): Token[] {
  const tokens: Token[] = [];
  const pattern =
    /(\n)|[^\S\n]+|(#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)|("(?:\$\{[^}\n]*\}|\\.|[^"\\\n])*")|(<<-?([A-Za-z_][\w-]*)\n[\s\S]*?\n\s*\5(?=\n|$))|([A-Za-z_0-9][\w.-]*)|([^\s])/gy;
  let line = 1;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) return fail(`line ${line} cannot be read`);
    const [all, , , quoted, heredoc, , word, mark] = match;
    if (quoted !== undefined) tokens.push(textToken(quoted, line, fail));
    else if (heredoc !== undefined) tokens.push({ kind: 'text', value: heredoc, template: true, line });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word, line });
    else if (mark !== undefined) tokens.push({ kind: 'mark', value: mark, line });
    line += all.split('\n').length - 1;
  }
  return tokens;
}

function textToken(quoted: string, line: number, fail: Fail): Token {
  const template = /(^|[^$%])[$%]\{/.test(quoted);
  if (template) return { kind: 'text', value: quoted, template, line };
  try {
    const value = JSON.parse(quoted) as string;
    return { kind: 'text', value: value.replaceAll('$${', '${').replaceAll('%%{', '%{'), template, line };
  } catch {
    return fail(`line ${line} has a text that cannot be read: ${quoted}`);
  }
}

class Reader {
  readonly #tokens: readonly Token[];
  readonly #fail: Fail;
  #at = 0;

  constructor(tokens: readonly Token[], fail: Fail) {
    this.#tokens = tokens;
    this.#fail = fail;
  }

  targets(): FoundContext[] {
    const found: FoundContext[] = [];
    while (this.#at < this.#tokens.length) {
      const name = this.#next();
      if (name.kind === 'word' && name.value === 'target' && this.#peek()?.kind === 'text') {
        const label = this.#next().value;
        this.#expect('{');
        found.push(...this.#contextsOfBlock(`target ${label}`));
      } else if (name.kind === 'mark' && name.value === '{') {
        this.#skipTo('}');
      }
    }
    return found;
  }

  /** After the `{` of a target, to its `}`. */
  #contextsOfBlock(where: string): FoundContext[] {
    const found: FoundContext[] = [];
    for (;;) {
      const token = this.#next();
      if (token.value === '}' && token.kind === 'mark') return found;
      if (token.kind === 'word' && token.value === 'contexts' && this.#peek()?.value === '=') {
        this.#next();
        this.#expect('{');
        found.push(...this.#map(where));
      } else if (token.kind === 'mark' && (token.value === '{' || token.value === '[' || token.value === '(')) {
        this.#skipTo(token.value === '{' ? '}' : token.value === '[' ? ']' : ')');
      }
    }
  }

  /** `NAME = "REF"` pairs, after the `{` of a map, to its `}`. */
  #map(where: string): FoundContext[] {
    const found: FoundContext[] = [];
    for (;;) {
      const name = this.#next();
      if (name.kind === 'mark') {
        if (name.value === '}') return found;
        if (name.value === ',') continue;
        return this.#fail(`line ${name.line}: a name of a context was expected, not ${name.value}`);
      }
      const equals = this.#next();
      if (equals.value !== '=' && equals.value !== ':')
        return this.#fail(`line ${equals.line}: = was expected after ${name.value}`);
      const reference = this.#next();
      if (reference.kind !== 'text' || reference.template || (name.kind === 'text' && name.template)) {
        return this.#fail(`line ${reference.line}: the context ${name.value} is no literal text`);
      }
      found.push([where, name.value, reference.value]);
    }
  }

  #skipTo(end: string): void {
    for (let depth = 1; depth > 0; ) {
      const token = this.#next();
      if (token.kind !== 'mark') continue;
      if ('{[('.includes(token.value)) depth += 1;
      if ('}])'.includes(token.value)) depth -= 1;
      if (depth === 0 && token.value !== end) this.#fail(`line ${token.line}: ${end} was expected, not ${token.value}`);
    }
  }

  #expect(mark: string): void {
    const token = this.#next();
    if (token.value !== mark) this.#fail(`line ${token.line}: ${mark} was expected, not ${token.value}`);
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #next(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) return this.#fail('it ends in the middle of a block');
    this.#at += 1;
    return token;
  }
}
