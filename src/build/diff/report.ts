/** The document of `ctxsrc diff --build`. */
import type { Digest } from '../../core/digest.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { type BuildComparison, compareBuilds } from './compare.ts';
import type { ComparedBuild } from './saved.ts';

/** A build that was compared. */
export interface NamedBuild {
  /** As it was named, without secrets. */
  readonly name: string;
  /** The key of the build. */
  readonly key: Digest;
}

/** Why the keys of two builds differ. */
export interface BuildDiffReport extends BuildComparison {
  /** The first build. */
  readonly a: NamedBuild;
  /** The second one. */
  readonly b: NamedBuild;
}

/** Compares two builds by their names. */
export function buildDiffReport(
  names: readonly [string, string],
  [a, b]: readonly [ComparedBuild, ComparedBuild],
): BuildDiffReport {
  const [nameOfA, nameOfB] = names.map(shownReference) as [string, string];
  return { a: { name: nameOfA, key: a.key }, b: { name: nameOfB, key: b.key }, ...compareBuilds(a, b) };
}
