/** `Checksum` of BuildKit's package `cache/contenthash`: what a COPY of a path, with wildcards and patterns, depends on. */

import type { Digest } from '../../src/core/digest.ts';
import { CtxsrcError } from '../../src/core/errors.ts';
import { baseName } from '../../src/core/go/path.ts';
import { type ByteString, bytesOfText, textOfBytes } from '../../src/fs/byte-string.ts';
import { EMPTY_DIGEST, hexDigest } from '../../src/fs/entry/header.ts';
import { type MatchVector, PatternMatcher } from '../../src/fs/match/patterns.ts';
import { hasWildcard, Wildcard } from '../../src/fs/match/wildcard.ts';
import { type ContentTree, keyOf, pathNotFound, rootedPath } from './content-tree.ts';

export interface ChecksumOptions {
  /** A link that is named or selected counts as what it points at. */
  readonly followLinks?: boolean | undefined;
  /** The path may hold wildcards. */
  readonly wildcard?: boolean | undefined;
  readonly includePatterns?: readonly string[] | undefined;
  readonly excludePatterns?: readonly string[] | undefined;
  /** Each must begin one of the selected paths. */
  readonly requiredPaths?: readonly string[] | undefined;
}

/**
 * The digest of what a path selects in a tree; undefined stands for the tree of a source that is empty.
 * @throws CtxsrcError `E_PATH_NOT_FOUND` for a path that is not there, `E_PATTERN` for a bad pattern or wildcard,
 * `E_UNSAFE` for a loop of links
 */
export function checksum(tree: ContentTree | undefined, path: ByteString, options: ChecksumOptions = {}): Digest {
  if (tree === undefined) {
    if (path === '/') return `sha256:${EMPTY_DIGEST}`;
    throw new CtxsrcError('E_PATH_NOT_FOUND', `${textOfBytes(path)}: no such file or directory`);
  }
  const selective = options.wildcard === true || !isEmpty(options.includePatterns) || !isEmpty(options.excludePatterns);
  if (!selective) return `sha256:${tree.pathDigest(path, options.followLinks === true)}`;
  return `sha256:${new Selection(tree, path, options).digest()}`;
}

function isEmpty(list: readonly string[] | undefined): boolean {
  return list === undefined || list.length === 0;
}

/** A record on the way: selected, or a directory that may have something selected in it. */
interface Candidate {
  /** As asked, before links are resolved. */
  readonly path: ByteString;
  readonly digest: string;
  readonly isLink: boolean;
  included: boolean;
  readonly includeVector: MatchVector | undefined;
  readonly excludeVector: MatchVector | undefined;
}

class Selection {
  readonly #tree: ContentTree;
  readonly #asked: ByteString;
  readonly #path: ByteString;
  readonly #options: ChecksumOptions;
  readonly #include: PatternMatcher | undefined;
  readonly #exclude: PatternMatcher | undefined;
  /** Leading part of the path as asked, and the same with links resolved. */
  readonly #base: ByteString;
  readonly #resolvedBase: ByteString;
  readonly #start: number | undefined;
  readonly #selected: Candidate[] = [];

  constructor(tree: ContentTree, path: ByteString, options: ChecksumOptions) {
    this.#tree = tree;
    this.#asked = path;
    this.#path = rootedPath(path);
    this.#options = options;
    this.#include = matcherFor('include', options.includePatterns);
    this.#exclude = matcherFor('exclude', options.excludePatterns);
    const split = options.wildcard === true ? splitWildcards(this.#path) : { base: this.#path, hasRest: false };
    this.#base = split.base;
    const { key, position } = split.base === '' ? { key: '', position: 0 } : tree.resolve(split.base, split.hasRest);
    this.#resolvedBase = key.replaceAll('\0', '/');
    this.#start = position;
  }

  digest(): string {
    if (this.#start !== undefined) this.#visit(this.#start);
    const selected = this.#selected.map(({ path, digest }) => ({ path, digest }));
    if (this.#options.followLinks === true) this.#followSelectedLinks(selected);
    for (const required of this.#options.requiredPaths ?? []) {
      const bytes = bytesOfText(required);
      if (!selected.some(({ path }) => path.startsWith(bytes))) throw pathNotFound(bytes);
    }
    if (selected.length === 0) return EMPTY_DIGEST;
    if (selected.length === 1 && baseName(selected[0]!.path) === baseName(this.#asked)) return selected[0]!.digest;
    const parts = selected.map(({ path, digest }) => {
      const rest = path.startsWith(this.#base) ? path.slice(this.#base.length) : path;
      return `${rest === '' ? '\0' : keyOf(rest)}sha256:${digest}`;
    });
    return hexDigest(parts.join(''));
  }

  /** A selected link counts as what it points at, unless the directory it lies in is selected with it. */
  #followSelectedLinks(selected: { path: ByteString; digest: string }[]): void {
    const dirs = new Set<ByteString>();
    for (const [i, candidate] of this.#selected.entries()) {
      if (candidate.isLink && !hasAncestor(dirs, candidate.path)) {
        const { position } = this.#tree.resolve(rootedPath(candidate.path), true);
        if (position === undefined) throw pathNotFound(candidate.path);
        selected[i]!.digest = this.#tree.digestAt(position);
      }
      dirs.add(candidate.path);
    }
  }

  /** Goes through the records from the base on, headers and files, in key order. */
  #visit(start: number): void {
    const { records } = this.#tree;
    const parents: Candidate[] = [];
    const wildcard = this.#options.wildcard === true && this.#path !== '' ? new Wildcard(this.#path) : undefined;
    let matchedDir = this.#options.wildcard === true ? '' : this.#path;
    for (let i = start; i < records.length; i += 1) {
      const record = records[i]!;
      const path = this.#askedPath(record.key);
      if (this.#options.wildcard !== true && !`${path}/`.startsWith(`${this.#path}/`)) break;
      while (parents.length > 0 && !path.startsWith(`${parents.at(-1)!.path}/`)) parents.pop();
      if (wildcard !== undefined && (matchedDir === '' || !path.startsWith(`${matchedDir}/`))) {
        if (!wildcard.matches(path)) continue;
        matchedDir = path;
      }
      // A directory asked for with a slash at its end is left out itself, also as a parent.
      if (record.kind === 'dir' && path === this.#path && this.#asked.endsWith('/')) continue;
      const relative = withoutPrefix(`${path}/`, `${matchedDir}/`).replace(/\/$/, '');
      const candidate = this.#judge(relative, path, record, parents.at(-1));
      if (candidate.included) {
        for (const parent of parents) {
          if (!parent.included) this.#selected.push(parent);
          parent.included = true;
        }
        this.#selected.push(candidate);
      }
      if (record.kind === 'dir') parents.push(candidate);
    }
  }

  #judge(
    relative: ByteString,
    path: ByteString,
    record: { readonly kind: string; readonly digest: string },
    parent: Candidate | undefined,
  ): Candidate {
    const includeVector = this.#include && new Uint8Array(this.#include.patterns.length);
    let excludeVector = this.#exclude && new Uint8Array(this.#exclude.patterns.length);
    let included = this.#include?.matchesBelow(relative, parent?.includeVector, includeVector!) ?? true;
    // What is not included is not asked for exclusion, and hands no vector down.
    if (!included) excludeVector = undefined;
    else if (this.#exclude?.matchesBelow(relative, parent?.excludeVector, excludeVector!)) included = false;
    return { path, digest: record.digest, isLink: record.kind === 'symlink', included, includeVector, excludeVector };
  }

  /** The path of a record as it would have been reached by the path asked for. */
  #askedPath(key: ByteString): ByteString {
    const path = key.replaceAll('\0', '/');
    return path.startsWith(this.#resolvedBase) ? this.#base + path.slice(this.#resolvedBase.length) : path;
  }
}

function hasAncestor(dirs: ReadonlySet<ByteString>, path: ByteString): boolean {
  for (let at = path.lastIndexOf('/'); at >= 0; at = path.lastIndexOf('/', at - 1)) {
    if (dirs.has(path.slice(0, at))) return true;
    if (at === 0) break;
  }
  return false;
}

function withoutPrefix(text: ByteString, prefix: ByteString): ByteString {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

/** The leading components without wildcards, and whether anything follows them. */
function splitWildcards(path: ByteString): { base: ByteString; hasRest: boolean } {
  const parts = path.split('/');
  const first = parts.findIndex(hasWildcard);
  return first < 0 ? { base: path, hasRest: false } : { base: parts.slice(0, first).join('/'), hasRest: true };
}

function matcherFor(kind: string, patterns: readonly string[] | undefined): PatternMatcher | undefined {
  if (isEmpty(patterns)) return undefined;
  try {
    return new PatternMatcher(patterns!);
  } catch (error) {
    if (!(error instanceof CtxsrcError)) throw error;
    throw new CtxsrcError('E_PATTERN', `invalid ${kind}patterns: ${error.message}`, { hint: error.hint, cause: error });
  }
}
