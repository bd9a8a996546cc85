/** Checks attributes that a program hands to the library: unlike flags, they were not checked before. */
import type { AttributeSpec, Attributes } from '../contract/index.ts';
import { type Check, flag, given, list, members, oneOf, text, wholeNumber } from '../core/check-options.ts';

/**
 * Checks attributes against those that a source declares.
 * @returns the attributes without flags that are false, which count as not given
 * @throws E_USAGE for an unknown name or a value of another type
 */
export function checkAttributes(specs: readonly AttributeSpec[], attributes: object): Attributes {
  members(Object.fromEntries(specs.map((spec) => [spec.name, checkOf(spec)])))(attributes, 'attributes');
  const said = Object.entries(given(attributes)).filter(([, value]) => (value as unknown) !== false);
  return Object.fromEntries(said) as Attributes;
}

function checkOf({ kind, choices }: AttributeSpec): Check {
  if (kind === 'flag') return flag;
  if (kind === 'number') return wholeNumber;
  if (kind === 'list') return list;
  return choices === undefined ? text : oneOf(...choices);
}
