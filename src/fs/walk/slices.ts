/** Synchronous work in time slices, so that the caller's event loop is never blocked for long. */
import { setImmediate } from 'node:timers/promises';
import { monotonicMs } from '../../core/monotonic.ts';

/** Milliseconds of synchronous work between two turns of the event loop. */
const SLICE_MS = 15;

export class Slices {
  readonly #signal: AbortSignal | undefined;
  readonly #between: () => void;
  #start = monotonicMs();

  /** @param between called at each turn of the event loop */
  constructor(signal: AbortSignal | undefined, between: () => void) {
    this.#signal = signal;
    this.#between = between;
  }

  /** True when it is time for `pause`. */
  get over(): boolean {
    return monotonicMs() - this.#start > SLICE_MS;
  }

  /** @throws the reason of the abort */
  async pause(): Promise<void> {
    await setImmediate();
    this.#signal?.throwIfAborted();
    this.tick();
    this.#start = monotonicMs();
  }

  /** Calls `between` now. */
  tick(): void {
    this.#between();
  }
}
