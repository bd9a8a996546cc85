/** Paths of a commit, as byte strings until they are shown, and the directories that they are written into. */
import { lstatSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { CtxsrcError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import type { GitEntry } from './repository.ts';

/**
 * Checks that no path leaves the directory, enters `.git`, or leads through something that is not a directory. git
 * refuses such trees, too; here they have a typed error with every version of git.
 */
export function checkPaths(entries: readonly GitEntry[]): void {
  const leaves = new Set<string>();
  for (const { path, mode } of entries) {
    if (!/^(?:100644|100755|100664|120000|160000)$/.test(mode)) throw unsafe(path, `has the unknown mode ${mode}`);
    if (leaves.has(path)) throw unsafe(path, 'is there twice');
    leaves.add(path);
  }
  for (const { path } of entries) {
    const parts = path.split('/');
    for (const part of parts) {
      if (/^(?:|\.|\.\.|\.git|git~1)$/i.test(part)) throw unsafe(path, 'has a name that a checkout must not write');
    }
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      if (leaves.has(path.slice(0, end))) throw unsafe(path, 'leads through something that is no directory');
    }
  }
}

export function unsafe(path: string, problem: string): CtxsrcError {
  return new CtxsrcError('E_UNSAFE', `the path ${shortened(path)} of the repository ${problem}`);
}

/** Makes the directories of a path one by one; an existing entry of another type is not followed. */
export function makeDirectories(dir: string, path: string): void {
  let current = dir;
  for (const part of path.split('/')) {
    current = join(current, part);
    const stats = lstatSync(current, { throwIfNoEntry: false });
    if (stats === undefined) mkdirSync(current);
    else if (!stats.isDirectory()) throw unsafe(path, 'leads through something that is no directory');
  }
}

/** Removes the empty directories of a path, deepest first. */
export function removeEmpty(dir: string, path: string): void {
  for (let current = path; current !== '.'; current = posix.dirname(current)) {
    if (readdirSync(join(dir, current)).length > 0) return;
    rmdirSync(join(dir, current));
  }
}

/** A name that may not be UTF-8, below a directory. */
export function joinBytes(parent: string | Buffer, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(parent), Buffer.from('/'), name]);
}

/** The `.gitattributes` of the parent directories, which apply to line ends and encodings of what is below. */
export function attributeFiles(subdir: string): string[] {
  const parts = subdir.split('/');
  return parts.map((_, depth) => [...parts.slice(0, depth), '.gitattributes'].join('/'));
}

/** The error for a subdirectory that the commit lacks, or that is not a directory in it. */
export function noDirectory(subdir: string, repository: string, commit: string, exists: boolean): CtxsrcError {
  const problem = exists ? 'is no directory of' : 'is not in';
  const message = `${shortened(subdir)} ${problem} ${repository} at ${commit.slice(0, 12)}`;
  return new CtxsrcError('E_PATH_NOT_FOUND', message, {
    hint: 'the part after the colon of #REF:SUBDIR is a directory of the repository',
  });
}
