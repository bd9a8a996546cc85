/** A condition on which an idle thread sleeps: a counter that other threads increment after they changed something. */
const COUNTER = 0;
const SLEEPING = 1;

export class Condition {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  raise(): void {
    Atomics.add(this.#cells, COUNTER, 1);
    // Waking is a system call; a thread that is awake checks again before it sleeps.
    if (Atomics.load(this.#cells, SLEEPING) === 1) Atomics.notify(this.#cells, COUNTER);
  }

  /** Sleeps until `ready`, running `work` until it returns false (nothing to do). For one thread, not the main one. */
  sleepUntil(ready: () => boolean, work: () => boolean): void {
    for (;;) {
      if (ready()) return;
      if (work()) continue;
      Atomics.store(this.#cells, SLEEPING, 1);
      // Read before the last check: a later change increments the counter, and then the wait returns at once.
      const seen = Atomics.load(this.#cells, COUNTER);
      if (!ready() && !work()) Atomics.wait(this.#cells, COUNTER, seen);
      Atomics.store(this.#cells, SLEEPING, 0);
    }
  }
}
