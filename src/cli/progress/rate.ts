/** The speed of work, and the time it will still take. */
import { monotonicMs } from '../../core/monotonic.ts';

/** The period that a rate covers, and the interval of its samples, in milliseconds. */
const WINDOW_MS = 3_000;
const STEP_MS = 100;

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** Bytes a second over the last three seconds, by what is transferred. */
export class Rates {
  readonly #samples = new Map<string, Sample[]>();

  /** The rate of a transfer that has `bytes` now. Called for every frame. */
  of(id: string, bytes: number): number {
    const now = monotonicMs();
    const samples = (this.#samples.get(id) ?? []).filter((sample) => now - sample.at < WINDOW_MS);
    samples.push({ at: now, bytes });
    this.#samples.set(id, samples);
    const first = samples[0]!;
    const span = now - first.at;
    return span < STEP_MS ? 0 : Math.max(0, Math.round(((bytes - first.bytes) * 1000) / span));
  }
}

/** A speed from this long ago counts a third of the current one. */
const SMOOTHING_MS = 8_000;
/** Before this time, and for a smaller part, there is no estimate. */
const LEAST_MS = 2_000;
const LEAST_PART = 0.01;
/** A longer time left is not shown. */
const MOST_LEFT_MS = 24 * 3_600_000;

interface Speed {
  readonly since: number;
  at: number;
  part: number;
  /** Part per millisecond, smoothed. */
  speed: number;
}

/** The time that work will still take, by its recent speed. */
export class TimesLeft {
  readonly #speeds = new Map<string, Speed>();

  /** Milliseconds; undefined if it would be a guess. Called repeatedly while the work goes on. */
  of(id: string, part: number | undefined): number | undefined {
    if (part === undefined) return undefined;
    const now = monotonicMs();
    const known = this.#speeds.get(id);
    if (known === undefined) {
      this.#speeds.set(id, { since: now, at: now, part, speed: 0 });
      return undefined;
    }
    const passed = now - known.at;
    if (passed > 0) {
      known.speed += (1 - Math.exp(-passed / SMOOTHING_MS)) * ((part - known.part) / passed - known.speed);
      known.at = now;
      known.part = part;
    }
    const watched = now - known.since;
    if (watched < LEAST_MS || part < LEAST_PART || part >= 1 || known.speed <= 0) return undefined;
    // The smoothing began at 0, and this factor corrects for it.
    const left = ((1 - part) / known.speed) * (1 - Math.exp(-watched / SMOOTHING_MS));
    return left > MOST_LEFT_MS ? undefined : left;
  }
}
