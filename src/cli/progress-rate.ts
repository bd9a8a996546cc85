/** How far back a rate looks, and how often a value is noted for it, in milliseconds. */
import { monotonicMs } from '../core/monotonic.ts';

const WINDOW_MS = 3_000;
const STEP_MS = 100;

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** Bytes a second over the last three seconds, by what is transferred. */
export class Rates {
  readonly #samples = new Map<string, Sample[]>();

  /** The rate of one transfer, of which `bytes` are done now. Asked for in every frame. */
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
