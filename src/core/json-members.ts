/** What JSON from outside holds, read without an error where it holds something else. */
import { isObject } from './is-object.ts';

/** A member of what may be no object. */
export function memberOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

/** The texts of what may be no list, or a list of other things, too. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
