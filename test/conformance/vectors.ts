import { readFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';

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
