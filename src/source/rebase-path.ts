import { relative, resolve } from 'node:path';

/** A path relative to one directory as a path relative to another, starting with `.`; both directories are absolute. */
export function rebasePath(path: string, from: string, to: string): string {
  const rebased = relative(to, resolve(from, path));
  if (rebased === '') return '.';
  return rebased === '..' || rebased.startsWith('../') ? rebased : `./${rebased}`;
}
