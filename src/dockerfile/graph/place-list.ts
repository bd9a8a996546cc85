import type { Place } from './types.ts';

/** Places in the order in which they were found, each once. */
export class PlaceList {
  readonly list: Place[] = [];
  readonly #known = new Set<string>();

  add(places: readonly Place[]): void {
    for (const place of places) {
      const key = `${place.line} ${place.instruction} ${place.onbuildOf ?? ''}`;
      if (this.#known.has(key)) continue;
      this.#known.add(key);
      this.list.push(place);
    }
  }
}
