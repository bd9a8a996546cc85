/**
 * The test bench of a source: a directory with its input, a store of its own, and counters for everything that the
 * source does with them.
 */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Attributes,
  Identifier,
  ImmutableRef,
  JobContext,
  SourceEnv,
  SourceInstance,
  Store,
} from '../contract/index.ts';
import type { ProgressEvent } from '../core/progress.ts';
import { removeTree } from '../fs/write/remove-tree.ts';
import { openEnvironment } from '../source/environment.ts';
import { parseReference } from '../source/parse.ts';
import { createSession } from '../source/session.ts';
import { type Prepared, prepareSubject, type Subject } from './subject.ts';

/** A text that no key, preimage or identifier may contain. */
export const PLANTED_SECRET = 'planted-secret-5f2d9c';

/** How long, in milliseconds, a call may go on after its job was aborted, when the subject does not say. */
const TIME_LIMIT = 2000;

/** Time (ms) that the bench waits for work that continues after its abort. */
const LEFT_BEHIND = 5000;

/** What a source did. */
export interface Counters {
  requests: number;
  /** Number of requests for a blob, by digest. */
  readonly ingests: Map<string, number>;
  /** Number of runs of a recipe, by ref ID. */
  readonly productions: Map<string, number>;
  /** Number of interruptible steps: calls of the store and progress events. */
  steps: number;
  /** The last step, for people. */
  lastStep: string;
  /** Those steps that are work of the store, not mere look-ups or lazy handles. */
  storeSteps: number;
  onStep: (() => void) | undefined;
  /** Every progress event, as JSON. */
  readonly events: string[];
}

export class Bench {
  readonly subject: Subject;
  readonly dir: string;
  readonly prepared: Prepared;
  readonly #cleanups: (() => Promise<void>)[] = [];
  readonly #left: Promise<unknown>[] = [];

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
      return new Bench(subject, dir, await prepareSubject(subject, content));
    } catch (error) {
      await removeTree(dir);
      throw error;
    }
  }

  /** How long, in milliseconds, a call may go on after its job was aborted. */
  get patience(): number {
    return this.subject.patience ?? TIME_LIMIT;
  }

  /** Registers work that did not end in time: the bench waits for it before it is closed. */
  leave(work: Promise<unknown>): void {
    this.#left.push(work.catch(() => undefined));
  }

  async close(): Promise<void> {
    if (this.#left.length > 0)
      await Promise.race([Promise.all(this.#left), sleep(LEFT_BEHIND, undefined, { ref: false })]);
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    await this.prepared.close?.();
    // Work that does not end may still write there.
    await removeTree(this.dir).catch(() => undefined);
  }

  /** An environment with a store in `cacheDir` (below the bench's directory), counters around it, and a job there. */
  async environment(
    cacheDir: string,
    options: { offline?: boolean } = {},
  ): Promise<{ env: SourceEnv; counters: Counters; job: JobContext }> {
    const counters: Counters = {
      requests: 0,
      ingests: new Map(),
      productions: new Map(),
      steps: 0,
      lastStep: '',
      storeSteps: 0,
      onStep: undefined,
      events: [],
    };
    const environment = await openEnvironment({
      cacheDir: join(this.dir, cacheDir),
      offline: options.offline,
      network: this.subject.network,
      registryConfig: undefined,
      env: { HOME: this.dir },
      progress: { emit: () => undefined },
    });
    this.#cleanups.push(() => environment.close());
    const env = { ...environment.env, store: countedStore(environment.store, counters) };
    return { env, counters, job: this.job(counters) };
  }

  /** A job whose progress is counted, with a secret planted in its session. */
  job(counters: Counters, signal: AbortSignal = new AbortController().signal): JobContext {
    const session = createSession({ id: 'conformance', secrets: new Map([['planted', async () => PLANTED_SECRET]]) });
    const emit = (event: ProgressEvent) => {
      if (event.type === 'request') counters.requests += 1;
      counters.events.push(JSON.stringify(event));
      step(counters, `the progress event ${event.type}`);
    };
    return { session, signal, progress: { emit } };
  }

  /** The identifier of the prepared reference, or of another one, with these attributes beside the prepared ones. */
  identify(reference: string = this.prepared.reference, attributes: Attributes = {}): Identifier {
    return this.subject.source.identify(parseReference(reference), { ...this.prepared.attributes, ...attributes });
  }

  /** A new instance of the prepared reference, or of another one. */
  instance(env: SourceEnv, reference: string = this.prepared.reference): SourceInstance {
    return this.subject.source.resolve(this.identify(reference), env);
  }
}

function step(counters: Counters, name: string): void {
  counters.steps += 1;
  counters.lastStep = name;
  counters.onStep?.();
}

const increase = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);

/** Calls of the store that do no work yet. */
const IDLE: readonly string[] = ['ref', 'blobs.size'];

function countedStore(store: Store, counters: Counters): Store {
  const counted = <T>(name: string, work: () => T): T => {
    if (!IDLE.includes(name)) counters.storeSteps += 1;
    step(counters, `store.${name}`);
    return work();
  };
  return {
    root: store.root,
    records: store.records,
    entryIndexes: store.entryIndexes,
    blobs: {
      path: (digest) => store.blobs.path(digest),
      size: (digest) => counted('blobs.size', () => store.blobs.size(digest)),
      read: (digest, maxBytes) => counted('blobs.read', () => store.blobs.read(digest, maxBytes)),
      open: (digest, offset) => store.blobs.open(digest, offset),
      put: (digest, bytes) => counted('blobs.put', () => store.blobs.put(digest, bytes)),
      discard: (digest) => store.blobs.discard(digest),
      ingest: (job, blob, produce, options) =>
        counted('blobs.ingest', () =>
          store.blobs.ingest(
            job,
            blob,
            (resume) => {
              increase(counters.ingests, blob.digest);
              return counted('blobs.ingest', () => produce(resume));
            },
            options,
          ),
        ),
    },
    ref: (recipe) => {
      const produce: typeof recipe.produce = (job, dir, options) => {
        increase(counters.productions, recipe.id);
        return counted('ref produce', () => recipe.produce(job, dir, options));
      };
      return counted('ref', (): Promise<ImmutableRef> => store.ref({ ...recipe, produce }));
    },
    commit: (dir, id) => counted('commit', () => store.commit(dir, id)),
    tempDir: () => counted('tempDir', () => store.tempDir()),
    workspace: (job, kind, key) => counted('workspace', () => store.workspace(job, kind, key)),
    workspacePath: (kind, key) => store.workspacePath(kind, key),
    tagImage: (name, descriptor) => store.tagImage(name, descriptor),
    close: () => store.close(),
  };
}
