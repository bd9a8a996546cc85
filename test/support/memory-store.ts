/** A store in memory: what an image source asks of one, and a record of what it was asked. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ImmutableRef, Recipe, Store } from '../../src/contract/index.ts';
import type { Digest } from '../../src/core/digest.ts';
import type { Descriptor } from '../../src/oci/types.ts';

export class MemoryStore implements Store {
  readonly root = '/nowhere';
  readonly content = new Map<string, Buffer>();
  readonly tagged = new Map<string, Descriptor>();
  readonly recipes: Recipe[] = [];

  readonly blobs: Store['blobs'] = {
    path: (digest) => `${this.root}/${digest}`,
    size: async (digest) => this.content.get(digest)?.length,
    read: async (digest) => this.content.get(digest),
    open: (digest) => Readable.from([this.content.get(digest)!]),
    put: async (digest, bytes) => {
      this.#keep(digest, Buffer.from(bytes));
    },
    discard: async (digest) => {
      this.content.delete(digest);
    },
    ingest: async (job, { digest, size }, produce) => {
      if (this.content.has(digest)) return 'cached';
      const { body } = await produce({ offset: 0 });
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) {
        job.signal.throwIfAborted();
        chunks.push(chunk);
      }
      const bytes = Buffer.concat(chunks);
      if (size !== undefined && bytes.length !== size) throw new Error(`size of ${digest}`);
      this.#keep(digest, bytes);
      return 'stored';
    },
  };

  readonly records: Store['records'] = {
    get: async () => undefined,
    set: async () => undefined,
    delete: async () => undefined,
  };

  readonly entryIndexes: Store['entryIndexes'] = {
    get: async () => undefined,
    put: async () => undefined,
  };

  async ref(recipe: Recipe): Promise<ImmutableRef> {
    this.recipes.push(recipe);
    return { id: recipe.id } as ImmutableRef;
  }

  async tagImage(name: string, descriptor: Descriptor): Promise<void> {
    this.tagged.set(name, descriptor);
  }

  commit(): never {
    throw new Error('not for images');
  }

  tempDir(): never {
    throw new Error('not for images');
  }

  workspace(): never {
    throw new Error('not for images');
  }

  workspacePath(): never {
    throw new Error('not for images');
  }

  async close(): Promise<void> {}

  #keep(digest: Digest, bytes: Buffer): void {
    const [algorithm = '', hex] = digest.split(':');
    if (createHash(algorithm).update(bytes).digest('hex') !== hex) throw new Error(`digest of ${digest}`);
    this.content.set(digest, bytes);
  }
}
