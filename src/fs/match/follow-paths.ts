/**
 * Follow paths: which paths a client has to send so that given ones can be reached through links, as `FollowLinks` of the
 * package `tonistiigi/fsutil`.
 */
import { ioError } from '../../core/errors.ts';
import { baseName, cleanPath, dirName, joinPath } from '../../core/go/path.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, compareBytes, textOfBytes } from '../byte-string.ts';
import type { TreeReader } from '../entry/tree-entry.ts';
import { hasWildcard, Wildcard } from './wildcard.ts';

/**
 * Every link met on the way to the given paths and every path they end at, sorted; undefined when the root itself is
 * among them, which means that there is no filter. Targets stay inside the root. A path that does not exist, or leads out
 * of the root, is kept as it is.
 * @param paths may hold wildcards in any component
 * @throws CtxsrcError `E_PERMISSION` or `E_IO` when a directory on the way cannot be read
 */
export function followPaths(reader: TreeReader, paths: readonly ByteString[]): ByteString[] | undefined {
  const resolver = new Resolver(reader);
  for (const path of paths) resolver.add(path);
  return withoutNested([...resolver.resolved].sort(compareBytes));
}

/** The list without paths that lie below the one kept last; undefined when the root (`.`) is in it. */
export function withoutNested(paths: readonly ByteString[]): ByteString[] | undefined {
  if (paths.includes('.')) return undefined;
  const kept: ByteString[] = [];
  for (const path of paths) {
    if (!path.startsWith(`${kept.at(-1) ?? ''}/`)) kept.push(path);
  }
  return kept;
}

class Resolver {
  readonly resolved = new Set<ByteString>();
  readonly #reader: TreeReader;

  constructor(reader: TreeReader) {
    this.#reader = reader;
  }

  add(path: ByteString): void {
    // Links may point at links: what is still to do is a list, so that a long chain needs no deep stack.
    const open = [path];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const target of this.#walk(next).reverse()) open.push(target);
    }
  }

  /** Goes down a path up to its end or to the first link; what the link points at (with the rest of the path) remains. */
  #walk(path: ByteString): ByteString[] {
    const parts = joinPath('.', path).split('/');
    let current = '.';
    for (const [index, part] of parts.entries()) {
      current = joinPath(current, part);
      const targets = this.#targets(current, part);
      const rest = parts.slice(index + 1);
      if (targets.length === 0 && rest.length > 0) continue;
      if (this.resolved.has(current)) return [];
      this.resolved.add(current);
      return targets.map((target) => joinPath(target, ...rest));
    }
    return [];
  }

  /** Where the links lead that a path names. Nothing outside the root is looked at. */
  #targets(path: ByteString, last: ByteString): ByteString[] {
    if (path === '..' || path.startsWith('../')) return [];
    return hasWildcard(last) ? this.#wildcardTargets(path) : this.#target(path);
  }

  #wildcardTargets(path: ByteString): ByteString[] {
    const dir = dirName(path);
    const wildcard = compileOrNever(baseName(path));
    const names = this.#attempt(dir, () => this.#reader.names(dir === '.' ? '' : dir)) ?? [];
    return names
      .sort(compareBytes)
      .filter((name) => wildcard?.matches(name))
      .flatMap((name) => this.#target(joinPath(dir, name)));
  }

  /** Where a link points, from the root; empty when it is none. */
  #target(path: ByteString): ByteString[] {
    if (path === '.') return [];
    const entry = this.#attempt(path, () => this.#reader.entry(path));
    if (entry?.type !== 'symlink') return [];
    const target = this.#attempt(path, () => this.#reader.target(path));
    if (target === undefined) return [];
    return [target.startsWith('/') ? cleanPath(target) : cleanPath(`/${dirName(path)}/${target}`)];
  }

  /** Undefined when the path is not there, or below something that is no directory. */
  #attempt<T>(path: ByteString, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw ioError(error, `cannot follow ${printable(textOfBytes(path))}`);
    }
  }
}

/** A malformed wildcard matches nothing here; the include patterns it becomes part of report it. */
function compileOrNever(pattern: ByteString): Wildcard | undefined {
  try {
    return new Wildcard(pattern);
  } catch {
    return undefined;
  }
}
