/** How every thread of this program is started. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CtxsrcError } from '../errors.ts';
import { type WorkerName, workerUrl } from './worker-url.ts';

/**
 * Size in MiB of a thread's young generation, a sixteenth of Node's default. Objects of our threads die at once or live
 * long: more room would only touch fresh pages, which costs more than the collections it saves.
 */
const YOUNG_GENERATION = 3;

/**
 * Starts a thread. The caller has to listen to its `error` event in the same turn of the event loop.
 * @throws CtxsrcError `E_IO` when the file with its code is missing: a bundle of this library has to include it
 */
export function startThread(name: WorkerName, workerData?: unknown): Worker {
  const url = workerUrl(name);
  if (url.protocol === 'file:' && !existsSync(url)) {
    throw new CtxsrcError('E_IO', `cannot start a thread: there is no file ${fileURLToPath(url)}`, {
      hint: "where the library is bundled, copy ctxsrc's dist/worker-*.cjs beside the bundle (docs/library.md)",
    });
  }
  return new Worker(url, {
    workerData,
    execArgv: workerArguments(),
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
  });
}

/**
 * The `execArgv` of a worker. Undefined, so that the worker inherits the process's arguments, unless one of them is
 * refused for code from a file. (A list is not used always: V8's options are refused in it.)
 */
function workerArguments(): string[] | undefined {
  const kept = process.execArgv.filter((argument) => !argument.startsWith('--input-type'));
  return kept.length === process.execArgv.length ? undefined : kept;
}
