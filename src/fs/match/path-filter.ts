/** Which paths of a source are written, and where (`WriteFilter`). The key is that of the whole source. */
import type { WriteFilter } from '../../contract/ref.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { cleanPath } from '../../core/go/path.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, bytesOfText } from '../byte-string.ts';
import { PatternMatcher } from './patterns.ts';

export class PathFilter {
  /** The directory of the source that becomes the root; empty for its root. */
  readonly subpath: ByteString;
  readonly #include: PatternMatcher | undefined;
  readonly #exclude: PatternMatcher | undefined;

  /** @throws CtxsrcError `E_PATTERN`, `E_ATTRIBUTE` for a subpath that leads outside */
  constructor(filter: WriteFilter = {}) {
    const cleaned = cleanPath(bytesOfText((filter.subpath ?? '').replace(/^\/+/, '')));
    if (cleaned === '..' || cleaned.startsWith('../')) {
      throw new CtxsrcError('E_ATTRIBUTE', `the subpath ${printable(filter.subpath ?? '')} leads out of the source`, {
        hint: 'name a directory of the source',
      });
    }
    this.subpath = cleaned === '.' || cleaned === '' ? '' : cleaned;
    this.#include = matcher(filter.include);
    this.#exclude = matcher(filter.exclude);
  }

  /** Where a path of the source is written, below the target: empty for the subpath itself, undefined if nowhere. */
  writtenPath(path: ByteString): ByteString | undefined {
    if (this.subpath === '') return path;
    if (path === this.subpath) return '';
    return path.startsWith(`${this.subpath}/`) ? path.slice(this.subpath.length + 1) : undefined;
  }

  /** The decision of the patterns on a written path. Parents of a wanted path are made in any case. */
  wants(path: ByteString): boolean {
    if (this.#include !== undefined && !this.#include.matchesOrParentMatches(path)) return false;
    return this.#exclude === undefined || !this.#exclude.matchesOrParentMatches(path);
  }

  /** False if nothing below a written path can be wanted. */
  mayWantBelow(path: ByteString): boolean {
    return this.#exclude === undefined || this.#exclude.hasExceptions || !this.#exclude.matchesOrParentMatches(path);
  }
}

function matcher(patterns: readonly string[] | undefined): PatternMatcher | undefined {
  return patterns === undefined || patterns.length === 0 ? undefined : new PatternMatcher(patterns);
}
