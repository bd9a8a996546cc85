/** What a second signal does, and an error that nobody waits for. In this process, for the moment matters. */
import { afterEach, expect, it, vi } from 'vitest';
import { abortOnSignals, abortOnStrayErrors } from '../../src/cli/signals.ts';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const one of undo.splice(0)) one();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Only what is under test: the runner listens, too. */
function alone(event: string): void {
  const others = process.rawListeners(event) as (() => void)[];
  process.removeAllListeners(event);
  undo.push(() => {
    process.removeAllListeners(event);
    for (const other of others) process.on(event, other);
  });
}

it.each([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGQUIT', 131],
  ['SIGTERM', 143],
] as const)(
  '%s aborts; within a fifth of a second it is the same signal, later it ends at once with %i',
  (signal, exit) => {
    alone(signal);
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1_000);
    const ended = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never);
    const abort = new AbortController();
    abortOnSignals(abort);
    process.emit(signal, signal);
    expect(abort.signal.reason).toMatchObject({ exit });
    clock.mockReturnValue(1_150);
    process.emit(signal, signal);
    expect(ended).not.toHaveBeenCalled();
    clock.mockReturnValue(1_300);
    process.emit(signal, signal);
    expect(ended).toHaveBeenCalledWith(exit);
  },
);

it('is given back when no signal came, and kept when the process is about to end', () => {
  alone('SIGTERM');
  const before = process.listenerCount('SIGTERM');
  const abort = new AbortController();
  const release = abortOnSignals(abort);
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
  release();
  expect(process.listenerCount('SIGTERM')).toBe(before);
  const releaseNothing = abortOnSignals(abort);
  process.emit('SIGTERM', 'SIGTERM');
  releaseNothing();
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
});

it('an error that reaches nobody aborts the work, and ends it when that takes too long', () => {
  alone('uncaughtException');
  vi.useFakeTimers();
  const abort = new AbortController();
  const end = vi.fn();
  undo.push(abortOnStrayErrors(abort, end));
  process.emit('uncaughtException', Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' }));
  expect(abort.signal.reason).toMatchObject({ code: 'E_IO', exit: 74 });
  expect(end).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10_000);
  expect(end).toHaveBeenCalledWith(abort.signal.reason);
});
