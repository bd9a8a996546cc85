import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../src/contract/index.ts';
import { source } from '../../src/source/blob/source.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { newEnv, newJob, newStore } from '../support/source-env.ts';
import { expectKey, type SimpleInput, type SimpleKeys, vectors } from './vectors.ts';

const file = vectors<SimpleInput, SimpleKeys>('blob-keys');

describe('BuildKit vectors: blob-keys', () => {
  it('holds as many cases as it says', () => {
    expect(file.cases).toHaveLength(file.count);
    expect(file.count).toBe(6);
  });

  it.each(file.cases)('$name', async ({ input, expect: want }) => {
    const [scheme = '', rest = ''] = input.identifier.split('://');
    const attrs: Attributes = Object.fromEntries(
      Object.entries(input.attrs ?? {}).map(([name, value]) => [name.replace('http.', ''), value]),
    );
    const identify = () => source.identify({ scheme, rest, text: input.identifier }, attrs);
    const failed = want.identifierError !== undefined || want.keys?.[0]?.key === undefined;
    if (failed && scheme === 'docker-image+blob') {
      // BuildKit finds a bad digest when it is asked for the key, this program when it reads the reference.
      expect(identify).toThrow();
      return;
    }
    if (failed) {
      // The store is a path here, so that there is one always; what is not a layout fails when it is read.
      const instance = source.resolve(identify(), newEnv(await newStore()));
      await expect(instance.pull?.(newJob())).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
      return;
    }
    const id = identify();
    expect(String(id)).toBe(want.identifierString);
    // The registry of the vectors had the blob; here the store has it.
    const store = new MemoryStore();
    store.content.set(id.toString().split('@')[1]!, Buffer.alloc(0));
    const instance = source.resolve(id, newEnv(store));
    expect(want.keys).not.toHaveLength(0);
    for (const wanted of want.keys ?? []) {
      const got = await instance.cacheKey(newJob(), wanted.index);
      expectKey(got, wanted);
    }
  });
});
