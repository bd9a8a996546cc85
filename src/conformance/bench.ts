/**
 * Where a source is tried: a directory with what it reads, a store of its own, and counters around everything the source
 * does with them.
 */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImmutableRef, JobContext, SourceEnv, SourceInstance, Store } from '../contract/index.ts';
import type { ProgressEvent } from '../core/progress.ts';
import { removeTree } from '../fs/remove-tree.ts';
import { openEnvironment } from '../source/environment.ts';
import { parseReference } from '../source/parse.ts';
import { createSession } from '../source/session.ts';
import type { Prepared, Subject } from './subject.ts';

/** A text that no key, preimage or identifier may hold. */
export const PLANTED_SECRET = 'planted-secret-5f2d9c';

/** What a source did. */
export interface Counters {
  requests: number;
  /** Origins asked for a blob, by digest. */
  readonly ingests: Map<string, number>;
  /** Runs of a recipe, by ref id. */
  readonly productions: Map<string, number>;
  /** Everything that could be interrupted: calls of the store and progress events. */
  steps: number;
  onStep: (() => void) | undefined;
}

export class Bench {
  readonly subject: Subject;
  readonly dir: string;
  readonly prepared: Prepared;
  readonly #cleanups: (() => Promise<void>)[] = [];

  private constructor(subject: Subject, dir: string, prepared: Prepared) {
    this.subject = subject;
    this.dir = dir;
    this.prepared = prepared;
  }

  /** Prepares the references in a new directory. */
  static async open(subject: Subject): Promise<Bench> {
    const dir = await mkdtemp(join(tmpdir(), 'ctxsrc-conformance-'));
    const content = join(dir, 'content');
    await mkdir(content);
    try {
      return new Bench(subject, dir, await subject.prepare(content));
    } catch (error) {
      await removeTree(dir);
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    await this.prepared.close?.();
    await removeTree(this.dir);
  }

  /** An environment with a store in `cacheDir` (below the bench's directory), with counters around it. */
  async environment(
    cacheDir: string,
    options: { offline?: boolean } = {},
  ): Promise<{ env: SourceEnv; counters: Counters }> {
    const counters: Counters = { requests: 0, ingests: new Map(), productions: new Map(), steps: 0, onStep: undefined };
    const environment = await openEnvironment({
      cacheDir: join(this.dir, cacheDir),
      offline: options.offline,
      network: this.subject.network,
      registryConfig: undefined,
      env: { HOME: this.dir },
      progress: { emit: () => undefined },
    });
    this.#cleanups.push(() => environment.close());
    return { env: { ...environment.env, store: countedStore(environment.store, counters) }, counters };
  }

  /** A job whose progress is counted, with a secret planted in its session. */
  job(counters: Counters, signal: AbortSignal = new AbortController().signal): JobContext {
    const session = createSession({ id: 'conformance', secrets: new Map([['planted', async () => PLANTED_SECRET]]) });
    const emit = (event: ProgressEvent) => {
      if (event.type === 'request') counters.requests += 1;
      step(counters);
    };
    return { session, signal, progress: { emit } };
  }

  /** A new instance of the prepared reference, or of another one. */
  instance(env: SourceEnv, reference: string = this.prepared.reference): SourceInstance {
    const { source } = this.subject;
    return source.resolve(source.identify(parseReference(reference), this.prepared.attributes ?? {}), env);
  }
}

function step(counters: Counters): void {
  counters.steps += 1;
  counters.onStep?.();
}

const increase = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);

function countedStore(store: Store, counters: Counters): Store {
  const counted = <T>(work: () => T): T => {
    step(counters);
    return work();
  };
  return {
    root: store.root,
    records: store.records,
    blobs: {
      path: (digest) => store.blobs.path(digest),
      size: (digest) => counted(() => store.blobs.size(digest)),
      read: (digest, maxBytes) => counted(() => store.blobs.read(digest, maxBytes)),
      open: (digest, offset) => store.blobs.open(digest, offset),
      put: (digest, bytes) => counted(() => store.blobs.put(digest, bytes)),
      discard: (digest) => store.blobs.discard(digest),
      ingest: (job, blob, produce, options) =>
        counted(() =>
          store.blobs.ingest(
            job,
            blob,
            (resume) => {
              increase(counters.ingests, blob.digest);
              return counted(() => produce(resume));
            },
            options,
          ),
        ),
    },
    ref: (recipe) => {
      const produce: typeof recipe.produce = (job, dir, options) => {
        increase(counters.productions, recipe.id);
        return counted(() => recipe.produce(job, dir, options));
      };
      return counted((): Promise<ImmutableRef> => store.ref({ ...recipe, produce }));
    },
    commit: (dir, id) => counted(() => store.commit(dir, id)),
    tempDir: () => counted(() => store.tempDir()),
    workspace: (job, kind, key) => counted(() => store.workspace(job, kind, key)),
    tagImage: (name, descriptor) => store.tagImage(name, descriptor),
    close: () => store.close(),
  };
}
