/** Entries of a layout's `index.json` as they are, with members that this program does not know. */
import { isObject } from '../../core/is-object.ts';
import { REF_NAME } from '../../oci/annotations.ts';

export type IndexEntry = Readonly<Record<string, unknown>>;

export function isTagged(entry: IndexEntry, tag: string): boolean {
  return isObject(entry.annotations) && entry.annotations[REF_NAME] === tag;
}
