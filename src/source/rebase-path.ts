import { relative, resolve } from 'node:path';

/** A path of one directory as a relative path of another, starting with `.`; both directories are absolute. */
export function rebasePath(path: string, from: string, to: string): string {
  const rebased = relative(to, resolve(from, path));
  if (rebased === '') return '.';
  return rebased === '..' || rebased.startsWith('../') ? rebased : `./${rebased}`;
}
