/** What could not be kept, counted by kind; the first thousand one by one. */
import type { Loss } from '../contract/ref.ts';
import { printableBytes } from './byte-names.ts';

const MAX_DETAILED = 1000;

export class LossList {
  readonly losses: Loss[] = [];
  readonly counts: Record<string, number> = {};

  /** @param path latin-1 bytes, below the root */
  add(kind: Loss['kind'], path: string, detail: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    if (this.losses.length < MAX_DETAILED) this.losses.push({ path: printableBytes(path), kind, detail });
  }
}
