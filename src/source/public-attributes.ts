/** What of a reference's attributes others may see: in a sidecar, a lock file, a JSON document, a difference. */
import type { AttributeSpec, Attributes, Source } from '../contract/index.ts';

/** The attributes without those that say how this user reaches the source, and may be secrets. */
export function publicAttributes(source: Source, attributes: Attributes): Attributes {
  const hidden = new Set(source.attributes.filter(isPrivate).map(({ name }) => name));
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !hidden.has(name)));
}

/** It says how this user reaches the source, or is a secret: others do not get to see it. */
export function isPrivate({ locked, secret }: AttributeSpec): boolean {
  return locked === 'never' || secret === true;
}
