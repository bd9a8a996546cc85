/**
 * The walk of a build context as BuildKit's client does it (`docs/buildkit.md#what-is-sent`): a directory before its
 * content, names in the order of their bytes, filtered by include patterns, exclude patterns and follow paths. The root
 * itself is not an entry.
 */
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, textOfBytes } from '../byte-string.ts';
import type { LateReader, TreeEntry, TreeReader, UnseenFiles } from '../entry/tree-entry.ts';
import { tooMuchWork } from '../match/effort.ts';
import type { MatchVector, Pattern, PatternMatcher } from '../match/patterns.ts';
import { compileExcludes, compileIncludes, leadsTo, literalRoots, type TreeFilter } from './filter.ts';

/** Why an entry is not taken: no include pattern matches it, or this exclude pattern matched last. */
export type Ignored = (path: ByteString, by: Pattern | 'not included') => void;

/**
 * All entries that pass the filter, in order. Parents of an entry come before it even if nothing asks for them. An
 * entry that vanishes meanwhile is left out.
 * @param ignored called with everything that the filter drops; for a directory that is not read, only with the
 * directory
 * @throws CtxsrcError `E_PATTERN` for a bad pattern, `E_PERMISSION` or `E_IO` when a directory that may matter cannot
 * be read
 */
export function walkTree(
  reader: LateReader,
  filter?: TreeFilter,
  ignored?: Ignored,
): Generator<TreeEntry | UnseenFiles, void>;
export function walkTree(reader: TreeReader, filter?: TreeFilter, ignored?: Ignored): Generator<TreeEntry, void>;
export function* walkTree(
  reader: TreeReader & Partial<LateReader>,
  filter?: TreeFilter,
  ignored?: Ignored,
): Generator<TreeEntry | UnseenFiles, void> {
  for (const entry of walkInSteps(reader, filter, ignored)) if (entry !== undefined) yield entry;
}

/** As `walkTree`, but gives undefined after some milliseconds without an entry, so that the caller can pause. */
export function walkInSteps(
  reader: LateReader,
  filter?: TreeFilter,
  ignored?: Ignored,
): Generator<TreeEntry | UnseenFiles | undefined, void>;
export function walkInSteps(
  reader: TreeReader,
  filter?: TreeFilter,
  ignored?: Ignored,
): Generator<TreeEntry | undefined, void>;
export function* walkInSteps(
  reader: TreeReader & Partial<LateReader>,
  filter: TreeFilter = {},
  ignored?: Ignored,
): Generator<TreeEntry | UnseenFiles | undefined, void> {
  const include = compileIncludes(reader, filter);
  const exclude = compileExcludes(filter);
  const walk = new Walk(reader, include, exclude, ignored);
  const stack: Frame[] = [walk.enter(undefined, include === undefined ? ALL : { ...ALL, within: false })];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    if (walk.isLong) yield undefined;
    const start = frame.at;
    const files = walk.files(frame);
    if (files !== undefined) {
      yield* owedParents(stack);
      yield files;
    }
    if (frame.at > start) continue;
    const name = frame.names[start];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const isDirectory = frame.others?.get(name);
    frame.at += 1;
    const path = frame.prefix + name;
    const verdict = walk.decide(path, frame);
    const entry = verdict.pruned ? undefined : walk.entry(path, isDirectory);
    if (entry === undefined) continue;
    if (verdict.taken) {
      yield* owedParents(stack);
      yield entry;
    }
    if (entry.type === 'dir') stack.push(walk.enter(entry, verdict));
  }
}

/** The open directories that were not taken for themselves but contain an entry that was. */
function owedParents(stack: readonly Frame[]): TreeEntry[] {
  const owed: TreeEntry[] = [];
  for (let i = stack.length - 1; i > 0 && !stack[i]!.emitted; i -= 1) {
    owed.push(stack[i]!.entry!);
    stack[i]!.emitted = true;
  }
  return owed.reverse();
}

/** An open directory, with the names still to visit. */
interface Frame {
  readonly entry: TreeEntry | undefined;
  /** The text before names in its paths. */
  readonly prefix: ByteString;
  readonly names: readonly ByteString[];
  /** Names that have to be stat'ed; undefined: all. */
  readonly others: ReadonlyMap<ByteString, boolean> | undefined;
  at: number;
  emitted: boolean;
  readonly within: boolean;
  readonly included: MatchVector | undefined;
  readonly excluded: MatchVector | undefined;
}

/** The filter's decision on a path. */
interface Verdict {
  readonly taken: boolean;
  /** Nothing below it can be taken either. */
  readonly pruned: boolean;
  /** Include patterns take all that is below it. */
  readonly within: boolean;
  readonly included: MatchVector | undefined;
  readonly excluded: MatchVector | undefined;
}

const ALL: Verdict = { taken: true, pruned: false, within: true, included: undefined, excluded: undefined };
/** Number of files given at once; fewer if many patterns decide. */
const MAX_FILES = 256;
const MAX_DECISIONS = 25_000;
/** Work (see `PatternMatcher.work`) between two pauses: some milliseconds. */
const STEP_WORK = 100_000;
/** Limit of a walk's work: some minutes. A thousand patterns decide on millions of paths with less. */
const MAX_WORK = 5_000_000_000;

class Walk {
  readonly #reader: TreeReader & Partial<LateReader>;
  readonly #include: PatternMatcher | undefined;
  readonly #exclude: PatternMatcher | undefined;
  readonly #ignored: Ignored | undefined;
  /** False if everything is taken. */
  readonly #filters: boolean;
  /** Starts of the paths that include patterns can match; undefined if the patterns' text does not tell. */
  readonly #includeRoots: readonly ByteString[] | undefined;
  /** The same for the exceptions among the exclude patterns. */
  readonly #exceptionRoots: readonly ByteString[] | undefined;
  readonly #batch: number;
  #stepEnd = STEP_WORK;

  constructor(
    reader: TreeReader & Partial<LateReader>,
    include: PatternMatcher | undefined,
    exclude: PatternMatcher | undefined,
    ignored: Ignored | undefined,
  ) {
    this.#reader = reader;
    this.#include = include;
    this.#exclude = exclude;
    this.#ignored = ignored;
    this.#filters = include !== undefined || exclude !== undefined;
    const patterns = (include?.patterns.length ?? 0) + (exclude?.patterns.length ?? 0);
    this.#batch = Math.max(1, Math.min(MAX_FILES, Math.floor(MAX_DECISIONS / patterns)));
    this.#includeRoots = literalRoots(include, false);
    this.#exceptionRoots = literalRoots(exclude, true);
  }

  /** True once after each step of some milliseconds. @throws CtxsrcError `E_LIMIT` after minutes */
  get isLong(): boolean {
    if (!this.#filters) return false;
    const work = (this.#include?.work ?? 0) + (this.#exclude?.work ?? 0);
    if (work < this.#stepEnd) return false;
    if (work > MAX_WORK) throw tooMuchWork();
    this.#stepEnd = work + STEP_WORK;
    return true;
  }

  /** Opens a directory, to be walked. */
  enter(entry: TreeEntry | undefined, verdict: Verdict): Frame {
    const { taken, within, included, excluded } = verdict;
    const path = entry?.path ?? '';
    const names = this.#names(path, verdict);
    const { others } = this.#reader;
    return { entry, prefix: path && `${path}/`, names, others, at: 0, emitted: taken, within, included, excluded };
  }

  /** The next files that need no `lstat`, as far as they are taken. */
  files(frame: Frame): UnseenFiles | undefined {
    const { names, others, entry, prefix } = frame;
    if (others === undefined) return undefined;
    const start = frame.at;
    const end = Math.min(names.length, start + this.#batch);
    while (frame.at < end && !others.has(names[frame.at]!)) frame.at += 1;
    if (frame.at === start) return undefined;
    const next = names.slice(start, frame.at);
    const files = this.#filters ? next.filter((name) => this.decide(prefix + name, frame).taken) : next;
    return files.length === 0 ? undefined : { type: 'unseen', dir: entry?.path ?? '', names: files };
  }

  /** Sorted names of a directory; empty if the directory vanished, or is not taken and cannot be read. */
  #names(path: ByteString, { taken, within }: Verdict): ByteString[] {
    const namesTell = taken && within && this.#exclude?.hasExceptions !== true;
    try {
      // By default text is sorted by its code units, which here are bytes.
      return this.#reader.names(path, namesTell).sort();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (path !== '' && (code === 'ENOENT' || code === 'ENOTDIR')) return [];
      if (!taken && (code === 'EACCES' || code === 'EPERM')) return [];
      throw ioError(error, `cannot read the directory ${path === '' ? 'itself' : printable(textOfBytes(path))}`);
    }
  }

  /** Decides on a path. */
  decide(path: ByteString, parent: Frame): Verdict {
    if (!this.#filters || (parent.within && this.#exclude === undefined)) return ALL;
    const include = parent.within ? undefined : this.#include;
    const included = vectorFor(include);
    const excluded = vectorFor(this.#exclude);
    let taken = true;
    let pruned = false;
    let by: Pattern | 'not included' = 'not included';
    if (include?.matchesBelow(path, parent.included, included!) === false) {
      taken = false;
      pruned = this.#includeRoots !== undefined && !leadsTo(this.#includeRoots, path);
    }
    const within = parent.within || (taken && this.#include?.hasExceptions === false);
    if (!pruned && this.#exclude?.matchesBelow(path, parent.excluded, excluded!)) {
      if (taken) by = this.#exclude.patterns.findLast((_, i) => excluded![i] === 1) ?? by;
      taken = false;
      pruned = this.#exceptionRoots !== undefined && !leadsTo(this.#exceptionRoots, path);
    }
    if (!taken) this.#ignored?.(path, by);
    return { taken, pruned, within, included, excluded };
  }

  entry(path: ByteString, isDirectory: boolean | undefined): TreeEntry | undefined {
    try {
      return this.#reader.entry(path, isDirectory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
      throw ioError(error, `cannot read ${printable(textOfBytes(path))}`);
    }
  }
}

function vectorFor(matcher: PatternMatcher | undefined): MatchVector | undefined {
  return matcher === undefined ? undefined : new Uint8Array(matcher.patterns.length);
}
