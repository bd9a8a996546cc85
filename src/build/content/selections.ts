/** Several selections of one input, as BuildKit puts them together. */
import { dirName } from '../../core/go/path.ts';
import { bytesOfText, compareBytes } from '../../fs/byte-string.ts';
import type { Selection } from '../step/selection.ts';

/** Without plain paths that lie in another one of them, and in the order of their paths. */
export function deduplicated(selections: readonly Selection[]): Selection[] {
  const plain = selections.filter(isPlain);
  const kept = [
    ...outermost(plain.filter(({ followLinks }) => !followLinks)),
    ...outermost(plain.filter(({ followLinks }) => followLinks)),
    ...selections.filter((selection) => !isPlain(selection)),
  ];
  return kept.sort((a, b) => compareBytes(bytesOfText(a.path), bytesOfText(b.path)));
}

/** One digest: neither a wildcard nor patterns choose. */
export function isPlain({ wildcard, include, exclude }: Selection): boolean {
  return !wildcard && include.length === 0 && exclude.length === 0;
}

function outermost(selections: readonly Selection[]): Selection[] {
  const byPath = new Map(selections.map((selection) => [selection.path, selection]));
  return [...byPath.values()].filter(({ path }) => !liesBelow(path, byPath));
}

/** True if a directory on the way to the path is one of the paths. */
function liesBelow(path: string, paths: ReadonlyMap<string, unknown>): boolean {
  for (let at = path; at !== '/'; ) {
    at = dirName(at);
    if (paths.has(at)) return true;
  }
  return false;
}
