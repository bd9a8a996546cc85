import type { HiddenPath } from './report.ts';

/** How a file is hidden, before the layer that hides it. */
export const HIDING: Readonly<Record<HiddenPath['how'], string>> = {
  replaced: 'replaced by',
  removed: 'removed by',
  metadata: 'same again in',
};
