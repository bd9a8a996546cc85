/** Bounded waits: a cache that hangs, or trickles, may not cost more time than it was meant to save. */
import { setMaxListeners } from 'node:events';
import { CtxsrcError } from '../../core/errors.ts';
import { orAbort } from '../../core/once.ts';

/** Bytes that have to pass within the time, again and again. */
const PORTION = 1024 * 1024;

/** What work tells about how it goes on. */
export interface Advance {
  passed(bytes: number): void;
  /** An answer has come: the next one has its own time. */
  answered(): void;
}

/**
 * Runs work that ends with its signal.
 * @param ms the time for each answer, and for each MiB
 * @throws E_STALLED
 */
export async function patiently<T>(
  signals: readonly AbortSignal[],
  { ms, what }: { readonly ms: number; readonly what: string },
  work: (signal: AbortSignal, advance: Advance) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const end = (): void => {
    const message = `${what} did not answer, or hardly, for ${ms / 1000} s`;
    ended.abort(new CtxsrcError('E_STALLED', message, { hint: 'check that the registry is up and near' }));
  };
  const timer = setTimeout(end, ms);
  const signal = AbortSignal.any([...signals, ended.signal]);
  setMaxListeners(0, signal);
  let portion = 0;
  try {
    const answered = (): void => {
      portion = 0;
      timer.refresh();
    };
    const passed = (bytes: number): void => {
      portion += bytes;
      if (portion >= PORTION) answered();
    };
    return await orAbort(work(signal, { passed, answered }), signal);
  } finally {
    clearTimeout(timer);
  }
}
