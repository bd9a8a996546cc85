/**
 * What one selection takes of a tree, and its digest, as BuildKit's package `cache/contenthash` makes it
 * (`docs/buildkit.md#what-a-copy-depends-on`). A plain path is one digest; with wildcards or patterns it is a list of
 * the entries that are chosen, with the directories they lie in.
 */
import { CtxsrcError } from '../../core/errors.ts';
import { baseName } from '../../core/go/path.ts';
import { type ByteString, bytesOfText } from '../../fs/byte-string.ts';
import { EMPTY_DIGEST, hexDigest } from '../../fs/entry/header.ts';
import { tooMuchWork } from '../../fs/match/effort.ts';
import { type MatchVector, PatternMatcher } from '../../fs/match/patterns.ts';
import { hasWildcard, Wildcard } from '../../fs/match/wildcard.ts';
import type { Slices } from '../../fs/walk/slices.ts';
import type { Selection } from '../step/selection.ts';
import { isPlain } from './selections.ts';
import { type ContentTree, rootedPath } from './tree.ts';

/** Limit of the work of one list of patterns, in units of `PatternMatcher.work`: some minutes. */
const MAX_WORK = 5_000_000_000;

/** An entry that is taken. */
interface Taken {
  readonly position: number;
  /** With all that is below it. */
  readonly whole: boolean;
}

export interface Selected {
  /** Hex digest. */
  readonly digest: string;
  readonly taken: readonly Taken[];
}

export interface SelectionJob {
  readonly slices: Slices;
  /** The error for a path that is not in the tree. */
  readonly notFound: (path: ByteString) => Error;
}

/**
 * Selects entries. A wildcard that matches nothing takes nothing, but the directory that it looks in has to be there.
 * @throws what the job says for a path that is not there; CtxsrcError `E_PATTERN`, `E_LIMIT`, `E_UNSAFE` for a loop of
 * links; the reason of the abort
 */
export async function select(tree: ContentTree, selection: Selection, job: SelectionJob): Promise<Selected> {
  const path = rootedPath(bytesOfText(selection.path));
  const start = requireStart(tree, selection, job);
  if (isPlain(selection)) return { digest: tree.wholeDigest(start), taken: [{ position: start, whole: true }] };
  const chosen = await new Choice(tree, path, selection).choose(job.slices);
  for (const required of selection.required.map(bytesOfText)) {
    // Text is compared, not components: a longer name satisfies it, too.
    if (!chosen.some((candidate) => candidate.path.startsWith(required))) throw job.notFound(required);
  }
  return listDigest(tree, path, selection, chosen, job);
}

/**
 * The position of what a path names, or of the directory in which its wildcard begins.
 * @throws as `select`
 */
export function requireStart(tree: ContentTree, selection: Selection, job: SelectionJob): number {
  const path = rootedPath(bytesOfText(selection.path));
  const start = selection.wildcard ? withoutWildcards(path) : path;
  const { position } = tree.resolve(start, selection.wildcard || selection.followLinks);
  if (position === undefined) throw job.notFound(start);
  return position;
}

/** An entry on the way: chosen, or a directory that may have something chosen in it. */
interface Candidate {
  readonly position: number;
  /** As asked for, before links are followed. */
  readonly path: ByteString;
  chosen: boolean;
  /** It is chosen for itself, without any directory that it lies in. */
  readonly isTop: boolean;
  readonly included: MatchVector | undefined;
  readonly excluded: MatchVector | undefined;
}

/** The entries that a path with a wildcard, or with patterns, chooses. */
class Choice {
  readonly #tree: ContentTree;
  readonly #wildcard: Wildcard | undefined;
  readonly #include: PatternMatcher | undefined;
  readonly #exclude: PatternMatcher | undefined;
  /** Vectors of entries that hand nothing down. */
  readonly #scratch: { readonly included: MatchVector | undefined; readonly excluded: MatchVector | undefined };
  /** Leading part of the path, and the same without links. */
  readonly #base: ByteString;
  readonly #resolvedBase: ByteString;
  readonly #start: number | undefined;
  readonly #chosen: Candidate[] = [];
  /** The directories that the current entry lies in, as far as they were candidates. */
  readonly #parents: Candidate[] = [];
  /** What patterns are relative to: the entry that the path names or its wildcard matched. */
  #top: ByteString;

  constructor(tree: ContentTree, path: ByteString, { wildcard, include, exclude }: Selection) {
    this.#tree = tree;
    this.#wildcard = wildcard && path !== '' ? new Wildcard(path) : undefined;
    this.#include = matcherFor('include', include);
    this.#exclude = matcherFor('exclude', exclude);
    this.#scratch = { included: vectorFor(this.#include), excluded: vectorFor(this.#exclude) };
    this.#base = wildcard ? withoutWildcards(path) : path;
    this.#top = wildcard ? '' : path;
    const base = tree.resolve(this.#base, this.#base !== path);
    this.#resolvedBase = base.path;
    this.#start = base.position;
  }

  async choose(slices: Slices): Promise<readonly Candidate[]> {
    // BuildKit tries a wildcard on all that comes after its base, wherever that lies.
    const end = this.#wildcard === undefined ? this.#tree.end(this.#start ?? 0) : this.#tree.size;
    // The root is never taken itself: a path with a slash at its end, as the root's, means what is in it.
    for (let position = Math.max(1, this.#start ?? end); position < end; position += 1) {
      this.#visit(position);
      if (!slices.over) continue;
      if ((this.#include?.work ?? 0) + (this.#exclude?.work ?? 0) > MAX_WORK) throw tooMuchWork();
      await slices.pause();
    }
    return this.#chosen;
  }

  #visit(position: number): void {
    const parents = this.#parents;
    while (parents.length > 0 && !this.#tree.liesIn(position, parents.at(-1)!.position)) parents.pop();
    const path = this.#askedPath(position);
    if (this.#wildcard !== undefined && (this.#top === '' || !path.startsWith(`${this.#top}/`))) {
      if (!this.#wildcard.matches(path)) return;
      this.#top = path;
    }
    const isDirectory = this.#tree.type(position) === 'dir';
    const candidate = this.#judge(position, path, isDirectory);
    if (candidate.chosen) {
      for (const parent of parents) {
        if (!parent.chosen) this.#chosen.push(parent);
        parent.chosen = true;
      }
      this.#chosen.push(candidate);
    }
    if (isDirectory) parents.push(candidate);
  }

  #judge(position: number, path: ByteString, isDirectory: boolean): Candidate {
    const parent = this.#parents.at(-1);
    const relative = path.slice(this.#top.length + 1);
    // Only directories hand down what matched.
    const included = isDirectory ? vectorFor(this.#include) : this.#scratch.included;
    let excluded = isDirectory ? vectorFor(this.#exclude) : this.#scratch.excluded;
    let chosen = this.#include?.matchesBelow(relative, parent?.included, included!) ?? true;
    // What is not included is not tried for exclusion, and hands nothing down.
    if (!chosen) excluded = undefined;
    else if (this.#exclude?.matchesBelow(relative, parent?.excluded, excluded!)) chosen = false;
    return { position, path, chosen, isTop: parent === undefined, included, excluded };
  }

  /** The path of an entry by which the selection leads to it. */
  #askedPath(position: number): ByteString {
    const path = this.#tree.path(position);
    if (this.#base === this.#resolvedBase || !path.startsWith(this.#resolvedBase)) return path;
    return this.#base + path.slice(this.#resolvedBase.length);
  }
}

function vectorFor(matcher: PatternMatcher | undefined): MatchVector | undefined {
  return matcher && new Uint8Array(matcher.patterns.length);
}

/** The digest of what was chosen: its paths and digests. */
function listDigest(
  tree: ContentTree,
  path: ByteString,
  { wildcard, followLinks }: Selection,
  chosen: readonly Candidate[],
  job: SelectionJob,
): Selected {
  const base = wildcard ? withoutWildcards(path) : path;
  const taken: Taken[] = [];
  const digests = chosen.map((candidate) => {
    const entry =
      followLinks && candidate.isTop ? followed(tree, candidate, job) : { position: candidate.position, whole: false };
    taken.push(entry);
    return entry.whole ? tree.wholeDigest(entry.position) : tree.digest(entry.position);
  });
  const [first] = chosen;
  if (first === undefined) return { digest: EMPTY_DIGEST, taken };
  if (chosen.length === 1 && baseName(first.path) === baseName(path)) return { digest: digests[0]!, taken };
  const parts = chosen.map((candidate, index) => {
    const below = candidate.path.startsWith(base) ? candidate.path.slice(base.length) : candidate.path;
    return `${below === '' ? '\0' : below.replaceAll('/', '\0')}sha256:${digests[index]}`;
  });
  return { digest: hexDigest(parts.join('')), taken };
}

/** A link that is chosen for itself stands for what it leads to. */
function followed(tree: ContentTree, { position, path }: Candidate, { notFound }: SelectionJob): Taken {
  if (tree.type(position) !== 'symlink') return { position, whole: false };
  const target = tree.resolve(path, true).position;
  if (target === undefined) throw notFound(path);
  return { position: target, whole: true };
}

/** The leading components without wildcards. */
function withoutWildcards(path: ByteString): ByteString {
  const parts = path.split('/');
  const first = parts.findIndex(hasWildcard);
  return first < 0 ? path : parts.slice(0, first).join('/');
}

function matcherFor(kind: string, patterns: readonly string[]): PatternMatcher | undefined {
  if (patterns.length === 0) return undefined;
  try {
    return new PatternMatcher(patterns);
  } catch (error) {
    if (!(error instanceof CtxsrcError)) throw error;
    throw new CtxsrcError(error.code, `invalid ${kind} patterns: ${error.message}`, { hint: error.hint, cause: error });
  }
}
