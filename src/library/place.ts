/** Where a call of the library works: the store, the session and the network, opened for it or shared. */
import { setMaxListeners } from 'node:events';
import { resolve as resolvePath } from 'node:path';
import type { Since } from '../build/earlier.ts';
import type { JobContext, SourceEnv, Store, StoreAdmin } from '../contract/index.ts';
import { given, members, nonEmpty } from '../core/check-options.ts';
import { CtxsrcError } from '../core/errors.ts';
import { type ProgressEvent, silentProgress } from '../core/progress.ts';
import { defaultCacheDir } from '../source/cache-dir.ts';
import { checkAttributes } from '../source/check-attributes.ts';
import { type Environment as Opened, openEnvironment as openSourceEnvironment } from '../source/environment.ts';
import { type Identified, identify, type Resolved, sourceOf, withReference } from '../source/resolve.ts';
import { SourceTable } from '../source/table.ts';
import { ENVIRONMENT, type Environment, type EnvironmentOptions, type PlaceOptions } from './options.ts';

/** The options of a call with a reference; which attributes there may be says the source. */
export interface Asked extends PlaceOptions {
  readonly attributes?: unknown;
  readonly lock?: string | undefined;
}

/** What a call works with. */
export interface Place {
  readonly table: SourceTable;
  readonly env: SourceEnv;
  readonly store: Store & StoreAdmin;
  readonly job: JobContext;
}

interface Shared extends Opened {
  readonly table: SourceTable;
}

/** The opened environments by their handles; undefined once it is closed. */
const shared = new WeakMap<Environment, Shared | undefined>();

/**
 * Opens the store once for many calls: `await using environment = await openEnvironment()`, then
 * `cacheKey(reference, { environment })`. Credentials, tokens and connections are shared, and nothing that one call
 * fetched is collected before the next one uses it.
 * @throws CtxsrcError `E_USAGE` for an option that is not known, `E_IO` when the store cannot be opened
 */
export async function openEnvironment(options: EnvironmentOptions = {}): Promise<Environment> {
  members(ENVIRONMENT)(options, '');
  const opened = await open(options, {});
  const handle: Environment = {
    cacheDir: cacheDirOf(options),
    async close() {
      const open = shared.get(handle);
      shared.set(handle, undefined);
      await open?.close();
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
  shared.set(handle, opened);
  return handle;
}

/** The store's directory, absolute. */
export const cacheDirOf = ({ cacheDir }: EnvironmentOptions): string =>
  cacheDir === undefined ? defaultCacheDir(process.env) : resolvePath(cacheDir);

async function open(options: EnvironmentOptions, { limits, onProgress }: PlaceOptions): Promise<Shared> {
  const table = tableOf(options);
  const opened = await openSourceEnvironment({
    cacheDir: cacheDirOf(options),
    offline: options.offline,
    network: given(options.network ?? {}),
    limits,
    registryConfig: options.registryConfig,
    sharing: options,
    progress: progressOf(onProgress),
  });
  return { ...opened, table };
}

function tableOf({ sources = [] }: EnvironmentOptions): SourceTable {
  const table = new SourceTable();
  for (const source of sources) table.add(source, source.schemes.join(', '));
  return table;
}

export const progressOf = (emit: ((event: ProgressEvent) => void) | undefined) =>
  emit === undefined ? silentProgress : { emit };

/** Tells a person what should be known of how something was read. */
export const noteTo =
  ({ progress }: JobContext) =>
  (text: string): void =>
    progress.emit({ type: 'message', level: 'note', text });

/** Where an earlier document is looked for that a program names as `since`. */
export const sinceOf = (job: JobContext): Since => ({
  named: 'since',
  cwd: process.cwd(),
  signal: job.signal,
  note: noteTo(job),
});

/**
 * Does work until a signal ends it. A program may abort for any reason (that of `AbortSignal.timeout` is an error of
 * its own): inside it is an abort like every other, and the call rejects with the reason.
 */
export async function untilAborted<T>(
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const inner = new AbortController();
  const abort = (): void => inner.abort();
  signal?.addEventListener('abort', abort, { once: true });
  // One signal may end many calls at once, and each of them listens in several places.
  setMaxListeners(0, inner.signal, ...(signal === undefined ? [] : [signal]));
  try {
    return await work(inner.signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Does work in the environment of the options, which were checked; one that is opened for it is closed afterwards. */
export async function inPlace<T>(options: PlaceOptions, work: (place: Place) => Promise<T>): Promise<T> {
  return untilAborted(options.signal, async (signal) => {
    const { strict = false, limits, environment } = options;
    const opened = environment === undefined ? await open(options, options) : openedBy(environment, options);
    try {
      const { table, env, session, store } = opened;
      const job = { session, signal, progress: progressOf(options.onProgress), strict };
      return await work({ table, store, job, env: limits === undefined ? env : { ...env, limits } });
    } finally {
      if (environment === undefined) await opened.close();
    }
  });
}

/** Does work with the sources of the options, which were checked, and opens no store. */
export async function withTable<T>(options: PlaceOptions, work: (table: SourceTable) => Promise<T>): Promise<T> {
  const { environment, signal } = options;
  return untilAborted(signal, () =>
    work(environment === undefined ? tableOf(options) : openedBy(environment, options).table),
  );
}

function openedBy(environment: Environment, options: PlaceOptions): Shared {
  const beside = Object.keys(ENVIRONMENT).find((name) => options[name as keyof EnvironmentOptions] !== undefined);
  if (beside !== undefined) {
    throw new CtxsrcError('E_USAGE', `${beside} and environment exclude each other`, {
      hint: `give ${beside} to openEnvironment`,
    });
  }
  const opened = shared.get(environment);
  if (opened !== undefined) return opened;
  throw new CtxsrcError('E_USAGE', 'the environment is closed, or was not made by openEnvironment', {
    hint: 'open one: await using environment = await openEnvironment()',
  });
}

/** Identifies a reference with the attributes of a program. */
export async function understand(table: SourceTable, reference: string, attributes: unknown = {}): Promise<Identified> {
  nonEmpty(reference, 'reference');
  try {
    const source = await sourceOf(table, reference);
    return await identify(table, reference, checkAttributes(source.attributes, attributes as object));
  } catch (error) {
    throw withReference(error, reference);
  }
}

/** Does work with a reference; errors name it. */
export async function withSource<T>(
  reference: string,
  options: Asked,
  work: (resolved: Resolved, place: Place) => Promise<T>,
): Promise<T> {
  nonEmpty(reference, 'reference');
  return inPlace(options, async (place) => {
    const resolved = await bound(place, reference, options.attributes, options.lock);
    return work(resolved, place).catch((error: unknown) => Promise.reject(withReference(error, reference)));
  });
}

/** The instance of a reference; of a name in the lock file, that of its entry. */
export async function bound(
  { table, env }: Place,
  reference: string,
  attributes: unknown,
  lock?: string,
): Promise<Resolved> {
  if (lock !== undefined) {
    const { bind, entryReference, openLock } = await import('../snapshot/lock/references.ts');
    const bare = { table, cwd: process.cwd(), attributes: {} };
    const opened = await openLock(bare, resolvePath(lock));
    if (opened.entries.has(reference)) {
      const { source } = await entryReference(bare, opened, reference, 'written');
      const site = { ...bare, attributes: checkAttributes(source.attributes, (attributes ?? {}) as object) };
      return bind([await entryReference(site, opened, reference, 'pinned')], env)[0]!;
    }
  }
  const identified = await understand(table, reference, attributes);
  try {
    return { ...identified, instance: identified.source.resolve(identified.identifier, env) };
  } catch (error) {
    throw withReference(error, reference);
  }
}
