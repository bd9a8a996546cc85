/**
 * Why two keys differ (`ctxsrc diff`). Directories are compared in place, path by path. Other sources are compared by
 * their facts first (options, digests, platform, configuration, layers), and by their files only on request, because
 * that needs layers. `report.ts` makes one document of it.
 */
import type { JobContext } from '../../contract/index.ts';
import { compareFacts, compareOptions, type FactDifference, type Facts } from './facts.ts';
import { DiffFilter, isDigest } from './filter.ts';
import type { FilePatch } from './patch.ts';
import type { PathDifference } from './path-difference.ts';
import type { DiffSide, OpenOptions, OpenTree } from './side.ts';
import { compareTrees, type TreeComparison } from './trees.ts';

/** One difference: of a fact, or of a path. */
export type SourceDifference = FactDifference | PathDifference;

export interface DiffOptions extends OpenOptions {
  /** Also compare the files of sources that are not directories on this machine. */
  readonly files: boolean;
  readonly filter?: DiffFilter | undefined;
  /** Make patches of text files. */
  readonly patch?: boolean | undefined;
}

/** The verdict on two sources. */
export interface SourceComparison {
  /** Nothing that was asked for differs. */
  readonly equal: boolean;
  /** The content keys are the same, or, where they are of two kinds or a snapshot's, the files are. */
  readonly sameContent: boolean;
  /** Content keys, `from` and `to`. Those of a directory and of an image are of two kinds and never equal. */
  readonly from: string;
  /** Content key of the second side. */
  readonly to: string;
  /** The definition keys; undefined for a snapshot, which has none. */
  readonly definitions: readonly [string | undefined, string | undefined];
  /** The files were compared, or are known to be equal by their keys. */
  readonly filesCompared: boolean;
  /** Properties that could not be compared, for instance `xattrs`. */
  readonly incomplete: readonly string[];
  /** For people: a likely reason, or what to try next. */
  readonly note?: string | undefined;
  /** What is known of either side without its files. */
  readonly facts: readonly [Facts | undefined, Facts | undefined];
  /** What the comparison of the trees found, if there was one. */
  readonly trees?: TreeComparison | undefined;
  /** Patches of text files, where they were asked for. */
  readonly patches?: readonly FilePatch[] | undefined;
}

/**
 * Yields the differences as they are found, and returns the verdict.
 * @throws the errors of keys, descriptions and files of both sides
 */
export async function* diffSources(
  job: JobContext,
  a: DiffSide,
  b: DiffSide,
  options: DiffOptions,
): AsyncGenerator<SourceDifference, SourceComparison> {
  const { filter = new DiffFilter() } = options;
  const [from, to] = await Promise.all([a.key(job), b.key(job)]);
  const keys = { from: from.key, to: to.key };
  const incomplete = [...new Set([...from.incomplete, ...to.incomplete])];
  // A snapshot's key tells what was written, not what is there now.
  const sameFiles = from.key === to.key && a.kind !== 'snapshot' && b.kind !== 'snapshot';
  const facts = await Promise.all([a.facts(job), b.facts(job)]);
  const readsFiles = !sameFiles && (options.files || (a.kind !== 'reference' && b.kind !== 'reference'));
  const all = sameFiles && a.kind === 'directory' ? [] : factDifferences(a, b, facts);
  const found = asked(all, filter, readsFiles);
  yield* found;
  const noFacts = found.length === 0;
  const definitions = [from.definition, to.definition] as const;
  const verdict = { ...keys, definitions, facts, incomplete, equal: noFacts };
  const note = noFacts ? undefined : 'the files are the same';
  if (sameFiles) return { ...verdict, sameContent: true, filesCompared: true, note };
  if (!readsFiles) {
    const unexplained = all.length === 0 ? await withoutFiles(job, a, b, keys) : undefined;
    if (unexplained !== undefined) yield unexplained;
    const equal = noFacts && unexplained === undefined;
    const isTouched = unexplained?.what === 'files';
    const sameContent = from.key === to.key && !isTouched;
    const next = filter.takesFiles ? '--files compares the files' : undefined;
    return { ...verdict, equal, sameContent, filesCompared: false, note: next };
  }
  const { compared, patches, taken } = yield* compareFiles(job, a, b, filter, options);
  const hasTimes = compared.times !== undefined && filter.takesKind('time');
  const trees = { trees: compared, filesCompared: true, ...(patches === undefined ? {} : { patches }) };
  if (compared.differences > 0 || hasTimes) {
    const unseen = [...new Set([...incomplete, ...compared.incomplete])];
    const equal = noFacts && taken === 0 && !hasTimes;
    const sameContent = compared.differences === 0 && from.key === to.key;
    // The flag is one of directories.
    const canEven = compared.note !== undefined && (a.kind === 'directory' || b.kind === 'directory');
    const reason = canEven ? `${compared.note} try --modes exec` : compared.note;
    return { ...verdict, ...trees, equal, sameContent, incomplete: unseen, note: reason };
  }
  const unexplained = all.length === 0 && a.kind === b.kind && a.kind !== 'snapshot';
  if (unexplained) yield { what: 'key', ...keys };
  const sameContent = a.kind !== b.kind || a.kind === 'snapshot' || from.key === to.key;
  const isOfTwoKinds = noFacts && a.kind !== b.kind && from.key !== to.key;
  return { ...verdict, ...trees, equal: noFacts && !unexplained, sameContent, note: isOfTwoKinds ? TWO_KINDS : note };
}

const TWO_KINDS = 'the same content, though the keys of the two are made otherwise';

/** A directory has no facts but its files, so facts of the other side are not differences. */
function factDifferences(a: DiffSide, b: DiffSide, [left, right]: SourceComparison['facts']): FactDifference[] {
  const options = (): FactDifference[] => compareOptions(a.options, b.options);
  if (a.kind === 'directory' && b.kind === 'directory') return options();
  if (left === undefined || right === undefined) return [];
  const facts = compareFacts(left, right, a.kind === 'snapshot' || b.kind === 'snapshot');
  return facts.length === 0 ? [] : [...options(), ...facts];
}

/** The facts that are asked for: layers of other files are told by the files; digests alone follow from what is left out. */
function asked(all: readonly FactDifference[], filter: DiffFilter, readsFiles: boolean): FactDifference[] {
  if (!filter.isSet) return [...all];
  const found = all
    .filter(({ what, sameContent }) => !readsFiles || what !== 'layer' || sameContent === true)
    .flatMap((fact) => filter.ofFact(fact) ?? []);
  return filter.names('packing') || !found.every(isDigest) || all.every(isDigest) ? found : [];
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

interface ComparedFiles {
  readonly compared: TreeComparison;
  readonly patches: readonly FilePatch[] | undefined;
  /** Differences that were asked for. */
  readonly taken: number;
}

async function* compareFiles(
  job: JobContext,
  a: DiffSide,
  b: DiffSide,
  filter: DiffFilter,
  { patch, ...options }: DiffOptions,
): AsyncGenerator<PathDifference, ComparedFiles> {
  const trees: OpenTree[] = [];
  try {
    for (const side of [a, b]) trees.push(await side.open(job, options));
    const [left, right] = trees.map(({ tree }) => tree);
    const { limits } = options;
    const differences = compareTrees(job, left, right, { limits, times: filter.names('time') });
    const kept: PathDifference[] = [];
    let taken = 0;
    for (;;) {
      const { value, done } = await differences.next();
      if (done === true) {
        const { patchesOf } = await import('./patch.ts');
        const patches = patch === true ? await patchesOf(job, left, right, kept) : undefined;
        return { compared: value, patches, taken };
      }
      if (!filter.takesPath(value)) continue;
      taken += 1;
      if (patch === true) kept.push(value);
      yield value;
    }
  } finally {
    for (const tree of trees) await tree.release();
  }
}
