/**
 * Why two keys differ (`ctxsrc diff`). Directories are compared in place, path by path. Other sources are compared by
 * their facts first (options, digests, platform, configuration, layers), and by their files only on request, because
 * that needs layers.
 */
import type { JobContext } from '../../contract/index.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import { compareFacts, compareOptions, type FactDifference } from './facts.ts';
import type { DiffSide, OpenTree } from './side.ts';
import { compareTrees, type PathDifference, type TreeComparison } from './trees.ts';

export type SourceDifference = FactDifference | PathDifference;

export interface SourceComparison {
  readonly equal: boolean;
  /** Content keys, `from` and `to`. Those of a directory and of an image are of two kinds and never equal. */
  readonly from: string;
  readonly to: string;
  /** The files were compared, or are known to be equal by their keys. */
  readonly filesCompared: boolean;
  readonly incomplete: readonly string[];
  /** For people: a likely reason, or what to try next. */
  readonly note?: string | undefined;
}

/**
 * Yields the differences as they are found, and returns the verdict.
 * @param options `files`: also compare the files of sources that are not directories on this machine
 * @throws the errors of keys, descriptions and snapshots of both sides
 */
export async function* diffSources(
  job: JobContext,
  a: DiffSide,
  b: DiffSide,
  options: { readonly files: boolean; readonly limits?: ReadLimits | undefined },
): AsyncGenerator<SourceDifference, SourceComparison> {
  const [from, to] = await Promise.all([a.key(job), b.key(job)]);
  const keys = { from: from.key, to: to.key };
  const incomplete = [...new Set([...from.incomplete, ...to.incomplete])];
  // A snapshot's key tells what was written, not what is there now.
  const sameFiles = from.key === to.key && a.kind !== 'snapshot' && b.kind !== 'snapshot';
  const facts = sameFiles && a.kind === 'directory' ? [] : await factDifferences(job, a, b);
  yield* facts;
  const verdict = { ...keys, incomplete, equal: facts.length === 0 };
  const note = facts.length === 0 ? undefined : 'the files are the same';
  if (sameFiles) return { ...verdict, filesCompared: true, note };
  if (!options.files && (a.kind === 'reference' || b.kind === 'reference')) {
    const unexplained = facts.length === 0 ? await withoutFiles(job, a, b, keys) : undefined;
    if (unexplained !== undefined) yield unexplained;
    const hint = '--files compares the files';
    return { ...verdict, equal: verdict.equal && unexplained === undefined, filesCompared: false, note: hint };
  }
  const compared = yield* compareFiles(job, a, b, options.limits);
  if (compared.differences > 0) {
    const all = [...new Set([...incomplete, ...compared.incomplete])];
    return { ...verdict, equal: false, incomplete: all, filesCompared: true, note: compared.note };
  }
  const unexplained = facts.length === 0 && a.kind === b.kind && a.kind !== 'snapshot';
  if (unexplained) yield { what: 'key', ...keys };
  return { ...verdict, equal: verdict.equal && !unexplained, filesCompared: true, note };
}

/** A directory has no facts but its files, so facts of the other side are not differences. */
async function factDifferences(job: JobContext, a: DiffSide, b: DiffSide): Promise<FactDifference[]> {
  const options = (): FactDifference[] => compareOptions(a.options, b.options);
  if (a.kind === 'directory' && b.kind === 'directory') return options();
  const [left, right] = await Promise.all([a.facts(job), b.facts(job)]);
  if (left === undefined || right === undefined) return [];
  const facts = compareFacts(left, right, a.kind === 'snapshot' || b.kind === 'snapshot');
  return facts.length === 0 ? [] : [...options(), ...facts];
}

/** The verdict on the files without reading them; undefined if the facts do not decide. */
async function withoutFiles(
  job: JobContext,
  a: DiffSide,
  b: DiffSide,
  keys: { readonly from: string; readonly to: string },
): Promise<FactDifference | undefined> {
  if (a.kind === 'directory' || b.kind === 'directory') return { what: 'kind', from: a.kind, to: b.kind };
  if (keys.from !== keys.to) return { what: 'key', ...keys };
  const [first, second] = await Promise.all([a.isIntact(job), b.isIntact(job)]);
  return first && second ? undefined : { what: 'files', from: stateOf(first), to: stateOf(second) };
}

const stateOf = (intact: boolean): string => (intact ? 'as they were' : 'touched since they were written');

async function* compareFiles(
  job: JobContext,
  a: DiffSide,
  b: DiffSide,
  limits: ReadLimits | undefined,
): AsyncGenerator<PathDifference, TreeComparison> {
  const trees: OpenTree[] = [];
  try {
    for (const side of [a, b]) trees.push(await side.open(job));
    return yield* compareTrees(job, trees[0]!.tree, trees[1]!.tree, limits);
  } finally {
    for (const tree of trees) await tree.release();
  }
}
