/** Signals that end a run: the work is aborted, so that nothing half-made stays. */
import { CtxsrcError, type ErrorCode } from '../core/errors.ts';

const ENDINGS: Readonly<Partial<Record<NodeJS.Signals, readonly [ErrorCode, string]>>> = {
  SIGHUP: ['E_HANGUP', 'the terminal was closed'],
  SIGINT: ['E_INTERRUPTED', 'interrupted'],
  SIGQUIT: ['E_QUIT', 'told to quit'],
  SIGTERM: ['E_TERMINATED', 'terminated'],
};

/**
 * Signals that come together are one: Ctrl-C reaches a program both from the terminal and from the npx that it runs under,
 * a closed terminal hangs up twice, and a service manager sends TERM and HUP (ms).
 */
const TOGETHER = 200;

/**
 * The first signal aborts; a later one ends the process at once.
 * @returns undoes it, unless a signal came: the process is about to end, and one that comes after it changes nothing
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
