/** Events from outside that end a run: the work is aborted, so that nothing half-made stays. */
import { CtxsrcError, type ErrorCode } from '../core/errors.ts';
import { asCtxsrcError } from './output.ts';

const ENDINGS: Readonly<Partial<Record<NodeJS.Signals, readonly [ErrorCode, string]>>> = {
  SIGHUP: ['E_HANGUP', 'the terminal was closed'],
  SIGINT: ['E_INTERRUPTED', 'interrupted'],
  SIGQUIT: ['E_QUIT', 'told to quit'],
  SIGTERM: ['E_TERMINATED', 'terminated'],
};

/**
 * Signals within this time (ms) count as one: Ctrl-C reaches a program both from the terminal and from the npx above
 * it, a closed terminal hangs up twice, and a service manager sends TERM and HUP.
 */
const TOGETHER = 200;

/**
 * The first signal aborts; a later one ends the process at once.
 * @returns a function that removes the handlers; after a signal it does nothing, because the process is about to end
 */
export function abortOnSignals(abort: AbortController): () => void {
  let first: number | undefined;
  const on = (signal: NodeJS.Signals): void => {
    const [code, text] = ENDINGS[signal]!;
    const failure = new CtxsrcError(code, text);
    if (first !== undefined && performance.now() - first > TOGETHER) process.exit(failure.exit);
    first ??= performance.now();
    if (!abort.signal.aborted) abort.abort(failure);
  };
  const signals = Object.keys(ENDINGS) as NodeJS.Signals[];
  for (const signal of signals) process.on(signal, on);
  return () => {
    if (abort.signal.aborted) return;
    for (const signal of signals) process.off(signal, on);
  };
}

/** Time that the work may take to end after an error that no caller handles (ms). */
const TIME_LIMIT = 5_000;

/**
 * An unhandled error, a defect or a full disk in the background, ends the run like any other error: the work is aborted
 * and the error reported. If the work does not end, `end` is called.
 * @returns removes the handlers
 */
export function abortOnStrayErrors(abort: AbortController, end: (error: CtxsrcError) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const on = (error: unknown): void => {
    const failure = asCtxsrcError(error, abort.signal);
    abort.abort(failure);
    timer ??= setTimeout(() => end(failure), TIME_LIMIT);
  };
  process.on('uncaughtException', on);
  return () => {
    clearTimeout(timer);
    process.off('uncaughtException', on);
  };
}
