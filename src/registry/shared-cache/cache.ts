/**
 * The shared cache of a run. Whatever is wrong with it is told once and costs one wait: after a lie, a failure or a wait
 * in vain it is left alone until the run ends. With `--strict` that is an error.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext } from '../../contract/session.ts';
import type { OfferOptions, SharedCache, SharedContent, TakeOptions } from '../../contract/shared-cache.ts';
import type { NetworkOptions } from '../../contract/source.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { failureOf, Task } from '../../core/progress.ts';
import type { RepositoryName } from '../mirrors.ts';
import { canShare, LARGEST_ENTRY, tagOf } from './entry.ts';
import { patiently } from './patience.ts';
import type { Reader } from './read.ts';
import type { Writer } from './write.ts';

export interface SharedCacheOptions {
  readonly network: NetworkOptions;
  readonly from?: RepositoryName | undefined;
  readonly to?: RepositoryName | undefined;
  /** Content that was fetched with a credential is put there too. */
  readonly private: boolean;
}

/** The longest wait for a cache, in milliseconds. */
const LONGEST_WAIT = 10_000;
/** Bytes that are verified in a second at the least. */
const SLOWEST_CHECK = 1024 * 1024;

/** One direction: reading or writing. */
class Side {
  readonly place: string;
  readonly host: string;
  readonly #flag: string;
  readonly #end = new AbortController();
  #noted = false;

  constructor(name: RepositoryName, flag: string) {
    this.place = `${name.host}/${name.repository}`;
    this.host = name.host;
    this.#flag = flag;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  end(): void {
    this.#end.abort();
  }

  /** The first thing that is wrong is a note, all others are for `--verbose`. */
  tell(job: JobContext, text: string): void {
    const level = this.#noted ? 'verbose' : 'note';
    this.#noted = true;
    job.progress.emit({ type: 'message', level, text });
  }

  refusal(error: CtxsrcError): CtxsrcError {
    const message = `the shared cache ${this.place}: ${error.message}`;
    return error.with({ message, hint: `mend it, or leave ${this.#flag} or --strict out` });
  }
}

export function openSharedCache(options: SharedCacheOptions): SharedCache {
  const { from, to } = options;
  const ms = Math.min(options.network.stallTimeout, LONGEST_WAIT);
  const network: NetworkOptions = { ...options.network, retry: 0, maxWait: ms, stallTimeout: ms };
  const read = from && new Side(from, '--cache-from');
  const write = to && new Side(to, '--cache-to');
  /** Tags whose entry is missing or no good: it is put there anew. */
  const bad = new Set<string>();
  /** Of these, tags whose content is wrong: the registry may believe that it has the right one. */
  const wrong = new Set<string>();
  const offered = new Set<string>();
  let reader: Promise<Reader> | undefined;
  let writer: Promise<Writer> | undefined;
  let toldSecret = false;

  const openReader = (name: RepositoryName): Promise<Reader> => {
    reader ??= import('./read.ts').then(({ createReader }) => createReader(network, name));
    return reader;
  };
  const openWriter = (name: RepositoryName): Promise<Writer> => {
    writer ??= import('./write.ts').then(({ createWriter }) => createWriter(network, name));
    return writer;
  };

  /** Receives an entry and has it verified. */
  async function receive(job: JobContext, side: Side, content: SharedContent, take: TakeOptions): Promise<void> {
    const signals = [job.signal, side.signal];
    const path = join(take.dir, 'shared');
    const maxBytes = Math.min(take.maxBytes ?? LARGEST_ENTRY, LARGEST_ENTRY);
    const { receive } = await openReader(from!);
    let task: Task | undefined;
    let done = 0;
    try {
      await patiently(signals, { ms, what: side.host }, (signal, { passed, answered }) =>
        receive(
          { ...job, signal },
          content,
          { path, maxBytes },
          {
            answered,
            passed: (bytes) => {
              passed(bytes);
              done += bytes;
              // A task that lacks its content would look like a failure, so it begins with the first byte.
              task ??= new Task(job.progress, 'download', `${content.what} from ${side.place}`);
              task.advance(done);
            },
          },
        ),
      );
      const { size } = await stat(path);
      const what = `the check of what ${side.host} sent`;
      await patiently(signals, { ms: ms + (size / SLOWEST_CHECK) * 1000, what }, (signal) =>
        take.accept({ ...job, signal }, path),
      );
      task?.end();
    } catch (error) {
      task?.end(failureOf(job.signal, error));
      throw error;
    }
  }

  /** Leaves a side alone from now on. */
  function giveUp(job: JobContext, side: Side, error: unknown): void {
    // Another call of this run has told it.
    if (side.signal.aborted) return;
    if (!(error instanceof CtxsrcError)) throw error;
    side.end();
    if (job.strict === true) throw side.refusal(error);
    side.tell(job, `the shared cache ${side.place} is not used any more in this run: ${error.message}`);
  }

  return {
    get reads() {
      return read?.signal.aborted === false;
    },
    keeps: (secret) => write?.signal.aborted === false && (!secret || options.private),

    async take(job, content, options) {
      if (read === undefined || read.signal.aborted || !canShare(content)) return false;
      try {
        await receive(job, read, content, options);
        return true;
      } catch (error) {
        job.signal.throwIfAborted();
        // Another call has given the side up, which says nothing about this entry.
        if (read.signal.aborted) return false;
        bad.add(tagOf(content));
        if (isAbsence(error)) {
          // What can be filled is no fault.
          if (job.strict === true && write === undefined) throw read.refusal(error);
          read.tell(job, `the shared cache ${read.place} lacks ${content.what}: it comes from its origin`);
          return false;
        }
        // A registry that fails or hangs would do so again; one that has wrong content can be given the right one.
        if (isLie(error)) wrong.add(tagOf(content));
        else if (write?.host === read.host) write.end();
        giveUp(job, read, error);
        return false;
      }
    },

    async offer(job: JobContext, content: SharedContent, { secret, file }: OfferOptions) {
      if (write === undefined || write.signal.aborted || !canShare(content)) return;
      if (secret && !options.private) {
        const text = `${content.what} was fetched with what may be a credential and is not put into ${write.place}`;
        const hint = '--cache-private puts it there';
        job.progress.emit({ type: 'message', level: toldSecret ? 'verbose' : 'note', text, hint });
        toldSecret = true;
        return;
      }
      const tag = tagOf(content);
      if (offered.has(tag)) return;
      offered.add(tag);
      const signals = [job.signal, write.signal];
      const wait = { ms, what: write.host };
      try {
        const { has, put } = await openWriter(to!);
        const there = await patiently(signals, wait, (signal) => has({ ...job, signal }, content));
        if (there && !bad.has(tag)) return;
        const path = await file();
        await Task.run(job, 'upload', `${content.what} to ${write.place}`, (task) => {
          let done = 0;
          return patiently(signals, wait, (signal, { passed, answered }) =>
            put({ ...job, signal }, content, path, {
              anew: wrong.has(tag),
              answered,
              passed: (bytes) => {
                passed(bytes);
                done += bytes;
                task.advance(done);
              },
            }),
          );
        });
      } catch (error) {
        job.signal.throwIfAborted();
        giveUp(job, write, error);
      }
    },

    async close() {
      await (await reader)?.close();
      await (await writer)?.close();
    },
  };
}

function isAbsence(error: unknown): error is CtxsrcError {
  return (
    isCtxsrcError(error) && (['E_NOT_FOUND', 'E_TAG_NOT_FOUND', 'E_BLOB_NOT_FOUND'] as string[]).includes(error.code)
  );
}

/** The registry works, but what it has is something else. */
function isLie(error: unknown): boolean {
  const codes: readonly string[] = ['E_DIGEST_MISMATCH', 'E_LIMIT', 'E_MANIFEST_INVALID', 'E_SCHEMA1'];
  return isCtxsrcError(error) && codes.includes(error.code);
}
