/** What of a reference's attributes others may see: in a sidecar, a lock file, a JSON document, a difference. */
import type { Attributes, Source } from '../contract/index.ts';

/** The attributes without those that say how this user reaches the source, and may be secrets (`locked: 'never'`). */
export function publicAttributes(source: Source, attributes: Attributes): Attributes {
  const hidden = new Set(source.attributes.filter(({ locked }) => locked === 'never').map(({ name }) => name));
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !hidden.has(name)));
}
