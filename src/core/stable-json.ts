/** JSON with the members of every object in a fixed order, so that equal values give equal text. */
import { isObject } from './is-object.ts';

export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    isObject(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}
