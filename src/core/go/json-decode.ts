/**
 * JSON as Go's `encoding/json` reads it, second half: from nodes to values of a declared shape. Go decodes *into* an
 * existing value. When a member occurs twice, the second is decoded into the value of the first: scalars are replaced;
 * objects, lists and maps are merged. `null` empties a list, map or pointer and changes nothing else.
 */

import { shortened } from '../printable.ts';
import { type JsonNode, JsonNumber, JsonObject, JsonProblem, parseGoJson } from './json-parse.ts';

/** How a Go type is decoded. */
export interface Shape<T> {
  /** Go's zero value. */
  readonly zero: T;
  /** @param previous the value of an earlier member of the same name, else the zero value */
  decode(node: JsonNode, previous: T, path: string): T;
}

/** What a shape decodes to. */
export type Decoded<S> = S extends Shape<infer T> ? T : never;

function typeName(node: JsonNode): string {
  if (node === null) return 'null';
  if (node instanceof JsonNumber) return `the number ${node.text.slice(0, 40)}`;
  if (node instanceof JsonObject) return 'an object';
  return typeof node === 'string' ? 'a string' : typeof node === 'boolean' ? 'a boolean' : 'an array';
}

function mismatch(path: string, expected: string, node: JsonNode): JsonProblem {
  return new JsonProblem(`${path === '' ? 'the document' : path}: expected ${expected}, found ${typeName(node)}`);
}

/** Go `string`. */
export const text: Shape<string> = {
  zero: '',
  decode(node, previous, path) {
    if (node === null) return previous;
    if (typeof node !== 'string') throw mismatch(path, 'a string', node);
    return node;
  },
};

/** Go `bool`. */
export const bool: Shape<boolean> = {
  zero: false,
  decode(node, previous, path) {
    if (node === null) return previous;
    if (typeof node !== 'boolean') throw mismatch(path, 'a boolean', node);
    return node;
  },
};

const INT64_LIMIT = 2n ** 63n;

/** Go `int64`, as a JavaScript number (sizes above 2^53 lose precision; nothing that large can be stored). */
export const int64: Shape<number> = {
  zero: 0,
  decode(node, previous, path) {
    if (node === null) return previous;
    if (!(node instanceof JsonNumber) || !/^-?[0-9]{1,19}$/.test(node.text)) throw mismatch(path, 'an integer', node);
    const value = BigInt(node.text);
    if (value >= INT64_LIMIT || value < -INT64_LIMIT) throw mismatch(path, 'a 64-bit integer', node);
    return Number(value);
  },
};

/** Go's check of the hour, the fraction and the zone is lenient. */
const RFC3339 =
  /^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))$/;

/** Go `time.Time`: an RFC 3339 text whose date exists. */
export const time: Shape<string> = {
  zero: '',
  decode(node, previous, path) {
    if (node === null) return previous;
    if (typeof node !== 'string' || !RFC3339.test(node)) throw mismatch(path, 'an RFC 3339 time', node);
    const day = node.slice(0, 10);
    if (!new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)) throw mismatch(path, 'a day that exists', node);
    return node;
  },
};

/**
 * Go `[]byte`: padded base64 with line ends ignored, or a list of numbers. Only the form is checked; a text is kept as
 * it is, and a list is not kept.
 */
export const base64: Shape<string> = {
  zero: '',
  decode(node, _previous, path) {
    if (node === null || (isArray(node) && node.every(isByte))) return '';
    const digits = typeof node === 'string' ? node.replace(/[\r\n]/g, '') : undefined;
    if (digits === undefined || digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) {
      throw mismatch(path, 'base64', node);
    }
    return digits;
  },
};

/** Go `json.RawMessage`, of which only the presence matters; `null` counts as present. */
export const presence: Shape<boolean> = { zero: false, decode: () => true };

/** Go `*T`. */
export function pointer<T>(shape: Shape<T>): Shape<T | undefined> {
  return {
    zero: undefined,
    decode: (node, previous, path) => (node === null ? undefined : shape.decode(node, previous ?? shape.zero, path)),
  };
}

/** All elements that a list ever held: Go decodes the next list of that member into the same memory. */
const backings = new WeakMap<readonly unknown[], unknown[]>();

/** Go `[]T`. A list decoded into a longer or shorter one reuses its elements, as Go does. */
export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  const zero: readonly T[] = [];
  return {
    zero,
    decode(node, previous, path) {
      if (node === null) return zero;
      if (!isArray(node)) throw mismatch(path, 'an array', node);
      if (node.length === 0) return zero;
      const backing = (backings.get(previous) as T[] | undefined) ?? [];
      for (const [index, item] of node.entries()) {
        const old = index < backing.length ? backing[index]! : shape.zero;
        backing[index] = shape.decode(item, old, `${path}[${index}]`);
      }
      const visible = backing.length === node.length ? backing : backing.slice(0, node.length);
      backings.set(visible, backing);
      return visible;
    },
  };
}

/** Go `map[string]T`: later members of a name replace earlier ones. */
export function map<T>(shape: Shape<T>): Shape<ReadonlyMap<string, T>> {
  const zero: ReadonlyMap<string, T> = new Map();
  return {
    zero,
    decode(node, previous, path) {
      if (node === null) return zero;
      if (!(node instanceof JsonObject)) throw mismatch(path, 'an object', node);
      // The map of an earlier member belongs to this decoder alone, so it may be changed in place.
      const entries = previous === zero ? new Map<string, T>() : (previous as Map<string, T>);
      for (const [name, value] of node.members) {
        entries.set(name, shape.decode(value, shape.zero, member(path, shortened(name))));
      }
      return entries;
    },
  };
}

/** Go's case folding of member names: these two are the only letters outside ASCII that fold into ASCII. */
function fold(name: string): string {
  return name.replaceAll('\u017f', 's').replaceAll('\u212a', 'k').toLowerCase();
}

/** Go `struct`: names match exactly or, failing that, without regard to case; unknown members are ignored. */
export function struct<F extends Readonly<Record<string, Shape<unknown>>>>(
  fields: F,
): Shape<{ readonly [K in keyof F]: Decoded<F[K]> }> {
  type Value = { readonly [K in keyof F]: Decoded<F[K]> };
  const exact = new Map(Object.entries(fields));
  const names = new Map(Object.keys(fields).map((name) => [fold(name), name]));
  return {
    zero: Object.fromEntries([...exact].map(([name, shape]) => [name, shape.zero])) as Value,
    decode(node, previous, path) {
      if (node === null) return previous;
      if (!(node instanceof JsonObject)) throw mismatch(path, 'an object', node);
      const value: Record<string, unknown> = { ...previous };
      for (const [given, child] of node.members) {
        const name = exact.has(given) ? given : names.get(fold(given));
        if (name === undefined) continue;
        value[name] = exact.get(name)!.decode(child, value[name], member(path, name));
      }
      return value as Value;
    },
  };
}

function member(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function isByte(node: JsonNode): boolean {
  return node === null || (node instanceof JsonNumber && /^[0-9]{1,3}$/.test(node.text) && Number(node.text) < 256);
}

function isArray(node: JsonNode): node is readonly JsonNode[] {
  return Array.isArray(node);
}

/**
 * Parses a document once, so that it can be decoded into one or several shapes.
 * @param fail makes the error from a problem, for instance `layers[0].size: expected an integer, found a string`
 */
export function readGoJson(bytes: Uint8Array, fail: (problem: string) => Error): <T>(shape: Shape<T>) => T {
  const failing = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (error instanceof JsonProblem) throw fail(error.message);
      throw error;
    }
  };
  const node = failing(() => parseGoJson(bytes));
  return (shape) => failing(() => shape.decode(node, shape.zero, ''));
}

/** Reads and decodes a document; `fail` as for `readGoJson`. */
export function decodeGoJson<T>(bytes: Uint8Array, shape: Shape<T>, fail: (problem: string) => Error): T {
  return readGoJson(bytes, fail)(shape);
}
