/**
 * The walk of a build context as BuildKit's client does it (buildkit-semantics 4.4): a directory before its content,
 * names in the order of their bytes, filtered by include patterns, exclude patterns and follow paths. The root itself is
 * not an entry.
 */
import { CtxsrcError, ioError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { type ByteString, bytesOfText, textOfBytes } from './byte-string.ts';
import { followPaths, withoutNested } from './follow-paths.ts';
import { type MatchVector, type Pattern, PatternMatcher } from './patterns.ts';
import type { TreeReader, WalkedEntry } from './tree-entry.ts';

/** What of a tree is taken. An absent or empty list filters nothing; a list of one empty pattern lets nothing through. */
export interface TreeFilter {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly follow?: readonly string[] | undefined;
}

/** Why an entry is not taken: no include pattern wants it, or this exclude pattern matched last. */
export type Ignored = (path: ByteString, by: Pattern | 'not included') => void;

/**
 * All entries that pass the filter, in order. Parents of an entry come before it even if nothing asks for them. An
 * entry that vanishes meanwhile is left out.
 * @param ignored told of what the filter drops; of a directory that is not even read, only the directory itself
 * @throws CtxsrcError `E_PATTERN` for a bad pattern, `E_PERMISSION` or `E_IO` when a directory that may matter cannot be read
 */
export function* walkTree<E extends WalkedEntry>(
  reader: TreeReader<E>,
  filter: TreeFilter = {},
  ignored?: Ignored,
): Generator<E, void> {
  const include = compileIncludes(reader, filter);
  const exclude = compileList('exclude', filter.exclude ?? []);
  const walk = new Walk(reader, include, exclude, ignored);
  const stack: Frame<E>[] = [{ entry: undefined, names: walk.names('', true), at: 0, emitted: true }];
  const pending: E[] = [];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const name = frame.names[frame.at];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    frame.at += 1;
    const path = frame.entry === undefined ? name : `${frame.entry.path}/${name}`;
    const visit = walk.decide(path, frame);
    if (visit === undefined) continue;
    const { entry, taken } = visit;
    if (taken) {
      for (let i = stack.length - 1; i > 0 && !stack[i]!.emitted; i -= 1) {
        pending.push(stack[i]!.entry!);
        stack[i]!.emitted = true;
      }
      for (let parent = pending.pop(); parent !== undefined; parent = pending.pop()) yield parent;
      yield entry;
    }
    if (entry.type !== 'dir') continue;
    const { included, excluded } = visit;
    stack.push({ entry, names: walk.names(path, taken), at: 0, emitted: taken, included, excluded });
  }
}

/** A directory on the way, with the names still to visit. */
interface Frame<E> {
  readonly entry: E | undefined;
  readonly names: readonly ByteString[];
  at: number;
  emitted: boolean;
  readonly included?: MatchVector | undefined;
  readonly excluded?: MatchVector | undefined;
}

interface Visit<E> {
  readonly entry: E;
  readonly taken: boolean;
  readonly included: MatchVector | undefined;
  readonly excluded: MatchVector | undefined;
}

class Walk<E extends WalkedEntry> {
  readonly #reader: TreeReader<E>;
  readonly #include: PatternMatcher | undefined;
  readonly #exclude: PatternMatcher | undefined;
  readonly #ignored: Ignored | undefined;
  /** Starts of what include patterns can match; undefined when they do not tell by their text. */
  readonly #includeRoots: readonly ByteString[] | undefined;
  /** The same for the exceptions among the exclude patterns. */
  readonly #exceptionRoots: readonly ByteString[] | undefined;

  constructor(
    reader: TreeReader<E>,
    include: PatternMatcher | undefined,
    exclude: PatternMatcher | undefined,
    ignored: Ignored | undefined,
  ) {
    this.#reader = reader;
    this.#include = include;
    this.#exclude = exclude;
    this.#ignored = ignored;
    this.#includeRoots = literalRoots(include, false);
    this.#exceptionRoots = literalRoots(exclude, true);
  }

  /** Sorted names of a directory; one that is not taken and may not be read counts as empty, as does one that is gone. */
  names(path: ByteString, taken: boolean): ByteString[] {
    try {
      // Without a comparison, text is sorted by its code units, which here are bytes.
      return this.#reader.names(path).sort();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (path !== '' && (code === 'ENOENT' || code === 'ENOTDIR')) return [];
      if (!taken && (code === 'EACCES' || code === 'EPERM')) return [];
      throw ioError(error, `cannot read the directory ${path === '' ? 'itself' : printable(textOfBytes(path))}`);
    }
  }

  /** What becomes of a path; undefined when neither it nor anything below it can be taken. */
  decide(path: ByteString, parent: Frame<E>): Visit<E> | undefined {
    const included = vectorFor(this.#include);
    const excluded = vectorFor(this.#exclude);
    let taken = true;
    let pruned = false;
    let by: Pattern | 'not included' = 'not included';
    if (this.#include !== undefined && !this.#include.matchesBelow(path, parent.included, included!)) {
      taken = false;
      pruned = this.#includeRoots !== undefined && !leadsTo(this.#includeRoots, path);
    }
    if (!pruned && this.#exclude?.matchesBelow(path, parent.excluded, excluded!)) {
      if (taken) by = this.#exclude.patterns.findLast((_, i) => excluded![i] === 1) ?? by;
      taken = false;
      pruned = this.#exceptionRoots !== undefined && !leadsTo(this.#exceptionRoots, path);
    }
    if (!taken) this.#ignored?.(path, by);
    if (pruned) return undefined;
    const entry = this.#stat(path);
    return entry === undefined ? undefined : { entry, taken, included, excluded };
  }

  #stat(path: ByteString): E | undefined {
    try {
      return this.#reader.entry(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
      throw ioError(error, `cannot read ${printable(textOfBytes(path))}`);
    }
  }
}

function vectorFor(matcher: PatternMatcher | undefined): MatchVector | undefined {
  return matcher === undefined ? undefined : new Uint8Array(matcher.patterns.length);
}

/** True when a path given by one of the roots lies below the directory, or is it. */
function leadsTo(roots: readonly ByteString[], dir: ByteString): boolean {
  return roots.some((root) => root === dir || root.startsWith(`${dir}/`));
}

/** Patterns (or exceptions) as plain paths, without the `/*` or `/**` at their ends; undefined when one is more than that. */
function literalRoots(matcher: PatternMatcher | undefined, exceptions: boolean): ByteString[] | undefined {
  const roots: ByteString[] = [];
  for (const pattern of matcher?.patterns ?? []) {
    if (pattern.exception !== exceptions) continue;
    const root = pattern.clean.replace(/\/\*\*$/, '').replace(/\/\*$/, '');
    if (/[*[\]?^\\]/.test(root)) return undefined;
    roots.push(root);
  }
  return roots;
}

function compileIncludes(reader: TreeReader<WalkedEntry>, filter: TreeFilter): PatternMatcher | undefined {
  const include = filter.include ?? [];
  if (filter.follow === undefined) return compileList('include', include);
  const found = followPaths(reader, filter.follow.map(bytesOfText));
  if (found === undefined) return compileList('include', include);
  return compileList('include', withoutNested([...include, ...found.map(textOfBytes)]) ?? []);
}

function compileList(kind: 'include' | 'exclude', patterns: readonly string[]): PatternMatcher | undefined {
  if (patterns.length === 0) return undefined;
  try {
    return new PatternMatcher(patterns);
  } catch (error) {
    if (!(error instanceof CtxsrcError)) throw error;
    throw new CtxsrcError('E_PATTERN', `invalid ${kind} patterns: ${error.message}`, {
      hint: error.hint,
      cause: error,
    });
  }
}
