/** Files that differ, path by path, and ignore files that leave out others. */

import type { BuildDetail, PathDetail } from '../build-detail.ts';
import { MAIN_CONTEXT } from '../contexts.ts';
import { type BuildDifference, paired } from './difference.ts';
import type { ComparedBuild } from './saved.ts';

export function pathDifferences({ detail: a }: ComparedBuild, { detail: b }: ComparedBuild): BuildDifference[] {
  const { both, gone, added } = paired(a.paths, b.paths, ({ context, path }) => `${context}\0${path}`);
  const contexts = new Set([...gone, ...added].map(({ context }) => context));
  return [
    ...ignoreDifferences(a, b, contexts),
    ...both.flatMap(([one, other]) => (one.digest === other.digest ? [] : changes(one, other))),
    ...gone.map((one) => difference('-', one)),
    ...added.map((one) => difference('+', one)),
  ];
}

/** Whether modes of group and others are all that differs, as after a checkout under another umask. */
export function isUmask({ detail: a }: ComparedBuild, { detail: b }: ComparedBuild): boolean {
  const { both, gone, added } = paired(a.paths, b.paths, ({ context, path }) => `${context}\0${path}`);
  const differing = both.filter(([one, other]) => one.digest !== other.digest);
  const isOwners = (mode: string): number => Number.parseInt(mode, 8) & ~0o077;
  return (
    gone.length + added.length === 0 &&
    differing.length > 0 &&
    differing.every(
      ([one, other]) =>
        one.mode !== other.mode && one.content === other.content && isOwners(one.mode) === isOwners(other.mode),
    )
  );
}

/** An ignore file counts where it changes which files there are. */
function ignoreDifferences(a: BuildDetail, b: BuildDetail, contexts: ReadonlySet<string>): BuildDifference[] {
  const { both, gone, added } = paired(a.ignores, b.ignores, ({ context, file }) => `${context}\0${file}`);
  const differing = [
    ...both
      .filter(([one, other]) => one.digest !== other.digest)
      .map(([, other]) => ({ mark: '~', ...other }) as const),
    ...gone.map((one) => ({ mark: '-', ...one }) as const),
    ...added.map((one) => ({ mark: '+', ...one }) as const),
  ];
  return differing
    .filter(({ context }) => contexts.has(context))
    .map(({ mark, context, file }) => ({
      mark,
      kind: 'ignore file',
      subject: inContext(context, file),
      what: 'which leaves out other files',
    }));
}

function changes(a: PathDetail, b: PathDetail): BuildDifference[] {
  if (a.type !== b.type) return [{ ...difference('~', b), what: 'type', from: a.type, to: b.type }];
  const found: BuildDifference[] = [];
  if (a.mode !== b.mode) found.push({ ...difference('~', b), what: 'mode', from: a.mode, to: b.mode });
  if (a.content !== b.content) found.push({ ...difference('~', b), what: 'other content' });
  if (found.length > 0) return found;
  return [{ ...difference('~', b), what: b.type === 'symlink' ? 'it leads elsewhere' : 'extended attributes' }];
}

function difference(mark: BuildDifference['mark'], { context, path }: PathDetail): BuildDifference {
  return { mark, kind: 'file', subject: inContext(context, path) };
}

function inContext(context: string, path: string): string {
  return context === MAIN_CONTEXT ? path : `${context}: ${path}`;
}
