/**
 * Variables in the order in which each was last set: setting one again moves it to the end. The order is part of what
 * BuildKit hashes of a RUN.
 */
export class OrderedVariables {
  readonly #values: Map<string, string>;

  constructor(from?: OrderedVariables) {
    this.#values = new Map(from === undefined ? [] : from.#values);
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: string): void {
    this.#values.delete(name);
    this.#values.set(name, value);
  }

  delete(name: string): void {
    this.#values.delete(name);
  }

  names(): string[] {
    return [...this.#values.keys()];
  }

  /** `NAME=VALUE` each. */
  list(): string[] {
    return [...this.#values].map(([name, value]) => `${name}=${value}`);
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
