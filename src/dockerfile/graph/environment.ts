/**
 * Variables in the order in which each was last set: setting one again moves it to the end. The order is part of what
 * BuildKit hashes of a RUN.
 */
export class OrderedVariables {
  /** `NAME=VALUE` by name: thousands of RUN that see the same variables hold their texts once. */
  readonly #texts: Map<string, string>;
  #list: readonly string[] | undefined;
  #characters = 0;

  constructor(from?: OrderedVariables) {
    this.#texts = new Map(from === undefined ? [] : from.#texts);
    this.#characters = from?.characters ?? 0;
  }

  /** Characters of all texts. */
  get characters(): number {
    return this.#characters;
  }

  get(name: string): string | undefined {
    return this.#texts.get(name)?.slice(name.length + 1);
  }

  set(name: string, value: string): void {
    this.delete(name);
    const text = `${name}=${value}`;
    this.#texts.set(name, text);
    this.#characters += text.length;
  }

  delete(name: string): void {
    this.#list = undefined;
    this.#characters -= this.#texts.get(name)?.length ?? 0;
    this.#texts.delete(name);
  }

  names(): string[] {
    return [...this.#texts.keys()];
  }

  /** `NAME=VALUE` each. */
  list(): readonly string[] {
    this.#list ??= [...this.#texts.values()];
    return this.#list;
  }
}

/** Variables as an image's configuration lists them: each where its name first stood, also where a base has one twice. */
export class ImageVariables {
  readonly #texts: string[] = [];
  readonly #positions = new Map<string, number>();

  constructor(texts: Iterable<string>) {
    for (const text of texts) this.#add(splitVariable(text)[0], text);
  }

  has(name: string): boolean {
    return this.#positions.has(name);
  }

  /** Sets a variable where it stands, or adds it. */
  set(name: string, value: string): void {
    const at = this.#positions.get(name);
    if (at === undefined) this.#add(splitVariable(name)[0], `${name}=${value}`);
    else this.#texts[at] = `${name}=${value}`;
  }

  /** `NAME=VALUE` each. */
  get list(): readonly string[] {
    return this.#texts;
  }

  #add(name: string, text: string): void {
    const position = this.#texts.push(text) - 1;
    if (!this.#positions.has(name)) this.#positions.set(name, position);
  }
}

/** Splits `NAME=VALUE`; without `=` the value is empty. */
export function splitVariable(text: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
