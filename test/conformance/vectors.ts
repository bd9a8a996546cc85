import { readFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';
import { solverDigest } from '../../src/core/solver-digest.ts';

export interface VectorFile<I, E, C = unknown> {
  readonly name: string;
  readonly count: number;
  readonly common: C;
  readonly cases: readonly { readonly name: string; readonly input: I; readonly expect: E }[];
}

/** A file of cases made by BuildKit's own code; `vectors/README.md` says how. */
export function vectors<I, E, C = unknown>(name: string): VectorFile<I, E, C> {
  const path = new URL(`./vectors/${name}.json`, import.meta.url);
  return { name, ...(JSON.parse(readFileSync(path, 'utf8')) as Omit<VectorFile<I, E, C>, 'name'>) };
}

/** Call in a suite: at its end it reports how many cases were exercised, and fails if one was not. */
export function countCases(file: VectorFile<unknown, unknown>): () => void {
  let done = 0;
  afterAll(() => {
    process.stdout.write(`${file.name}.json: ${done} of ${file.count} cases\n`);
    expect(file.cases).toHaveLength(file.count);
    expect(done).toBe(file.count);
  });
  return () => {
    done += 1;
  };
}

/** What BuildKit says of the sources whose key is known at index 0: git, http, blobs. */
export interface SimpleKeys {
  readonly identifierString?: string;
  readonly identifierError?: string;
  readonly keys?: readonly SimpleKey[];
}

export interface SimpleKey {
  readonly index: number;
  readonly key?: string;
  readonly pin?: string;
  readonly done: boolean;
  readonly error?: string;
  readonly keyPreimage?: string;
  readonly solverCacheMapDigest?: string;
}

/** The input of such a case. */
export interface SimpleInput {
  readonly identifier: string;
  readonly attrs: Readonly<Record<string, string>> | null;
}

/** Expects the key, pin and end that BuildKit has, and the digest that its solver derives from the key. */
export function expectKey(
  got: { readonly key: string; readonly pin: string; readonly done: boolean },
  wanted: SimpleKey,
): void {
  expect({ key: got.key, pin: got.pin, done: got.done }).toEqual({
    key: wanted.key,
    pin: wanted.pin,
    done: wanted.done,
  });
  expect(solverDigest(got.key)).toBe(wanted.solverCacheMapDigest);
}
