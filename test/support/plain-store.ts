/** The least a source needs of a store, in a directory: no garbage collection, no other processes. For tests of sources alone. */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { BlobStore, ImmutableRef, JobContext, Recipe, SourceEnv, Store } from '../../src/contract/index.ts';
import { CtxsrcError } from '../../src/core/errors.ts';
import { silentProgress } from '../../src/core/progress.ts';

export interface PlainStore extends Store {
  /** Forgets every blob. */
  dropBlobs(): void;
}

export function plainStore(root: string): PlainStore {
  const queues = new Map<string, Promise<void>>();
  const kept = new Map<string, unknown>();
  for (const name of ['tmp', 'blobs', 'workspaces']) mkdirSync(join(root, name), { recursive: true });
  return {
    root,
    blobs: plainBlobs(root),
    records: {
      get: async (kind, key) => structuredClone(kept.get(`${kind}/${key}`)),
      set: async (kind, key, value) => void kept.set(`${kind}/${key}`, structuredClone(value)),
      delete: async (kind, key) => void kept.delete(`${kind}/${key}`),
    },
    ref: async (recipe) => lazyRef(recipe),
    commit: () => Promise.reject(new Error('not in this store')),
    tempDir: async () => mkdtempSync(join(root, 'tmp', 't-')),
    tagImage: async () => undefined,
    async workspace(_job, kind, key) {
      const path = join(root, 'workspaces', `${kind}-${key}`);
      const before = queues.get(path) ?? Promise.resolve();
      let release = (): void => undefined;
      queues.set(
        path,
        new Promise((resolve) => {
          release = resolve;
        }),
      );
      await before;
      mkdirSync(path, { recursive: true });
      return { path, release: async () => release() };
    },
    close: async () => undefined,
    dropBlobs: () => {
      rmSync(join(root, 'blobs'), { recursive: true });
      mkdirSync(join(root, 'blobs'));
    },
  };
}

function plainBlobs(root: string): BlobStore {
  const path = (digest: string): string => join(root, 'blobs', digest.replace(':', '-'));
  return {
    path,
    size: async (digest) => statSync(path(digest), { throwIfNoEntry: false })?.size,
    read: async (digest) =>
      statSync(path(digest), { throwIfNoEntry: false }) ? readFileSync(path(digest)) : undefined,
    open: (digest, offset = 0) => createReadStream(path(digest), { start: offset }),
    async ingest(_job, { digest }, produce) {
      if (statSync(path(digest), { throwIfNoEntry: false })) return 'cached';
      const { body } = await produce({ offset: 0 });
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const [algorithm = '', hex] = digest.split(':');
      const actual = createHash(algorithm).update(bytes).digest('hex');
      if (actual !== hex)
        throw new CtxsrcError('E_DIGEST_MISMATCH', `digest mismatch ${algorithm}:${actual}: ${digest}`);
      writeFileSync(`${path(digest)}.part`, bytes);
      renameSync(`${path(digest)}.part`, path(digest));
      return 'stored';
    },
    put: async (digest, bytes) => writeFileSync(path(digest), bytes),
    discard: async (digest) => rmSync(path(digest), { force: true }),
  };
}

function lazyRef(recipe: Recipe): ImmutableRef {
  const ref: ImmutableRef = {
    id: recipe.id,
    clone: () => ref,
    release: async () => undefined,
    finalize: async () => undefined,
    extract: async () => undefined,
    mount: () => Promise.reject(new Error('not in this store')),
    getRemotes: async () => [],
    layerChain: () => [ref],
    writeTo: (job, dir, options) => recipe.produce(job, dir, options),
  };
  return ref;
}

export function plainJob(
  options: { readonly signal?: AbortSignal; readonly secrets?: Record<string, string> } = {},
): JobContext {
  return {
    session: {
      id: 'test-session',
      credentials: async () => undefined,
      secret: async (name) => options.secrets?.[name],
      localDirectory: () => undefined,
    },
    signal: options.signal ?? new AbortController().signal,
    progress: silentProgress,
  };
}

export function plainEnv(
  store: Store,
  options: Partial<Pick<SourceEnv, 'offline'>> & { readonly network?: Partial<SourceEnv['network']> } = {},
): SourceEnv {
  return {
    store,
    offline: options.offline ?? false,
    statCache: true,
    defaultPlatform: 'linux/amd64',
    network: {
      plainHttp: [],
      insecure: [],
      mirrors: [],
      retry: 0,
      maxWait: 1000,
      stallTimeout: 20_000,
      parallel: 4,
      ...options.network,
    },
  };
}
