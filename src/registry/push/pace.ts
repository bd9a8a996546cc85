/** How much is asked of one registry at once, and when: less as soon as it suffers. */
import { workThrough } from '../../core/side-by-side.ts';
import type { Clock } from '../../http/clock.ts';

export class Pace {
  readonly #clock: Clock;
  #limit: number;
  #notBefore = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(parallel: number, clock: Clock) {
    this.#limit = Math.max(1, parallel);
    this.#clock = clock;
  }

  /** Called when the registry was busy or lost an upload. `wait`: milliseconds that it asked everybody to wait. */
  suffer(wait: number | undefined): void {
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    if (wait !== undefined) this.#notBefore = Math.max(this.#notBefore, this.#clock.now() + wait);
  }

  /** Waits until the registry may be asked again. */
  async ready(signal: AbortSignal): Promise<void> {
    for (let wait = this.#wait(); wait > 0; wait = this.#wait()) await this.#clock.sleep(wait, signal);
  }

  /**
   * Does one try of an upload, once fewer are under way than the registry bears: those that failed side by side must not
   * be tried again side by side.
   */
  async attempt<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    while (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  #wait(): number {
    return this.#notBefore - this.#clock.now();
  }

  /** Works on all items, as many at once as the registry bears. The first failure ends the rest, and is thrown. */
  each<T>(
    items: readonly T[],
    signal: AbortSignal,
    work: (item: T, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    return workThrough(items, { most: () => this.#limit, signal }, work);
  }
}
