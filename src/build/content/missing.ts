/** The error for a path that a build asks for and its context does not have, with what may be the reason. */
import { lstatSync } from 'node:fs';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, fsPath, printableBytes, textOfBytes } from '../../fs/byte-string.ts';
import { PatternMatcher, type PlaceOf } from '../../fs/match/patterns.ts';
import type { ContentTree } from './tree.ts';

interface Exclusion {
  readonly exclude?: readonly string[] | undefined;
  readonly excludedBy?: PlaceOf | undefined;
}

/**
 * @param path begins with a slash
 * @param root of the context, absolute
 */
export function missingPath(path: ByteString, tree: ContentTree, root: ByteString, exclusion: Exclusion): CtxsrcError {
  const shown = printableBytes(path.slice(1));
  return new CtxsrcError('E_PATH_NOT_FOUND', `there is no ${shown} in the build context`, {
    hint:
      linkHint(path, tree) ??
      exclusionHint(path, exclusion) ??
      unsentHint(path, root) ??
      `the path is taken from ${printable(textOfBytes(root))}, wherever the Dockerfile lies`,
  });
}

function linkHint(path: ByteString, tree: ContentTree): string | undefined {
  const link = tree.find(path);
  if (link === undefined || tree.type(link) !== 'symlink') return undefined;
  return `it is a link to ${printableBytes(tree.target(link))}, which is not in the context`;
}

/** A directory is sent with what is taken of it. */
function unsentHint(path: ByteString, root: ByteString): string | undefined {
  try {
    lstatSync(fsPath(root + path));
  } catch {
    return undefined;
  }
  return 'it is there, but nothing in it matches, so that BuildKit fails too: copy all of it, or add a file that matches';
}

/** Names the pattern that leaves the path out. */
function exclusionHint(path: ByteString, { exclude = [], excludedBy }: Exclusion): string | undefined {
  const matcher = new PatternMatcher(exclude, excludedBy);
  const parts = path.slice(1).split('/');
  let vector: Uint8Array | undefined;
  let isOut = false;
  for (let length = 1; length <= parts.length; length += 1) {
    const below = new Uint8Array(matcher.patterns.length);
    isOut = matcher.matchesBelow(parts.slice(0, length).join('/'), vector, below);
    vector = below;
  }
  const by = matcher.patterns.findLast((_, index) => vector?.[index] === 1);
  if (!isOut || by === undefined) return undefined;
  return `${excludedBy?.(by.index) ?? 'a pattern of the ignore file'} leaves it out: a line !${printableBytes(path.slice(1))} behind it takes it back`;
}
