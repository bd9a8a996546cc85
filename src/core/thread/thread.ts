/** How every thread of this program is started. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CtxsrcError } from '../errors.ts';
import { type WorkerName, workerUrl } from './worker-url.ts';

/**
 * Megabytes of a thread's heap for what is new, a sixteenth of Node's own limit. What our threads make is gone at once or
 * stays: more room only takes fresh pages, which cost more than the collections that they save.
 */
const YOUNG_GENERATION = 3;

/**
 * Starts a thread. Whoever does listens to its `error` in the same turn.
 * @throws CtxsrcError `E_IO` when its code is not where it should be: whoever bundles the library has to bring it along
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
 * Node's own arguments for a worker: undefined, with which it inherits those of the process, but where one of them is
 * refused for code from a file. (Given as a list, even V8's would be.)
 */
function workerArguments(): string[] | undefined {
  const kept = process.execArgv.filter((argument) => !argument.startsWith('--input-type'));
  return kept.length === process.execArgv.length ? undefined : kept;
}
