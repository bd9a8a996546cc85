/** Which part of a tree a walk takes: its patterns, compiled, and what can be told from their text. */
import { CtxsrcError } from '../../core/errors.ts';
import { type ByteString, bytesOfText, textOfBytes } from '../byte-string.ts';
import type { TreeReader } from '../entry/tree-entry.ts';
import { followPaths, withoutNested } from '../match/follow-paths.ts';
import { PatternMatcher, type PlaceOf } from '../match/patterns.ts';

/** The part of a tree that is taken. An absent or empty list filters nothing; one empty pattern matches nothing. */
export interface TreeFilter {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly follow?: readonly string[] | undefined;
  /** The position of an exclude pattern, for messages. */
  readonly excludedBy?: PlaceOf | undefined;
}

/** The same filter with follow paths resolved, as they are on disk now: include patterns alone say what is taken. */
export function withoutFollowPaths(reader: TreeReader, { follow, ...filter }: TreeFilter = {}): TreeFilter {
  const found = follow === undefined ? undefined : followPaths(reader, follow.map(bytesOfText));
  if (found === undefined) return filter;
  return { ...filter, include: withoutNested([...(filter.include ?? []), ...found.map(textOfBytes)]) ?? [] };
}

/** @throws CtxsrcError `E_PATTERN` */
export function compileIncludes(reader: TreeReader, filter: TreeFilter): PatternMatcher | undefined {
  return compileList('include', withoutFollowPaths(reader, filter).include ?? []);
}

/** @throws CtxsrcError `E_PATTERN` */
export function compileExcludes({ exclude, excludedBy }: TreeFilter): PatternMatcher | undefined {
  return compileList('exclude', exclude ?? [], excludedBy);
}

function compileList(
  kind: 'include' | 'exclude',
  patterns: readonly string[],
  placeOf?: PlaceOf,
): PatternMatcher | undefined {
  if (patterns.length === 0) return undefined;
  try {
    return new PatternMatcher(patterns, placeOf);
  } catch (error) {
    if (!(error instanceof CtxsrcError)) throw error;
    throw new CtxsrcError(error.code, `invalid ${kind} patterns: ${error.message}`, {
      hint: error.hint,
      cause: error,
    });
  }
}

/** True if one of the roots is the directory or lies below it. */
export function leadsTo(roots: readonly ByteString[], dir: ByteString): boolean {
  return roots.some((root) => root === dir || root.startsWith(`${dir}/`));
}

/** Patterns (or exceptions) as plain paths, without a trailing `/*` or `/**`; undefined if one is not a plain path. */
export function literalRoots(matcher: PatternMatcher | undefined, exceptions: boolean): ByteString[] | undefined {
  const roots: ByteString[] = [];
  for (const pattern of matcher?.patterns ?? []) {
    if (pattern.exception !== exceptions) continue;
    const root = pattern.clean.replace(/\/\*\*$/, '').replace(/\/\*$/, '');
    if (/[*[\]?^\\]/.test(root)) return undefined;
    roots.push(root);
  }
  return roots;
}
