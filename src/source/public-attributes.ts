/** Which attributes of a reference may be public: in a sidecar, a lock file, a JSON document, a difference. */
import type { AttributeSpec, Attributes, Source } from '../contract/index.ts';

/** The attributes without those that say how this user reaches the source, or are secrets. */
export function publicAttributes(source: Source, attributes: Attributes): Attributes {
  const hidden = new Set(source.attributes.filter(isPrivate).map(({ name }) => name));
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !hidden.has(name)));
}

/** True if the attribute says how this user reaches the source, or is a secret. */
export function isPrivate({ locked, secret }: AttributeSpec): boolean {
  return locked === 'never' || secret === true;
}
