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

/** Splits `NAME=VALUE`; without `=` the value is empty. */
export function splitVariable(text: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
