/**
 * Follow paths: which paths a client has to send so that the given paths can be reached through links, as `FollowLinks`
 * of the package `tonistiigi/fsutil`.
 */
import { ioError } from '../../core/errors.ts';
import { baseName, cleanPath, dirName, joinPath } from '../../core/go/path.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, compareBytes, textOfBytes } from '../byte-string.ts';
import type { TreeReader } from '../entry/tree-entry.ts';
import { hasWildcard, Wildcard } from './wildcard.ts';

/**
 * All links on the way to the given paths, and the paths that they lead to, sorted. Undefined if the root is among
 * them: then there is no filter. Targets stay inside the root. A path that does not exist, or leads out of the root, is
 * kept as it is.
 * @param paths may hold wildcards in any component
 * @throws CtxsrcError `E_PERMISSION` or `E_IO` when a directory on the way cannot be read
 */
export function followPaths(reader: TreeReader, paths: readonly ByteString[]): ByteString[] | undefined {
  const resolver = new Resolver(reader);
  for (const path of paths) resolver.add(path);
  return withoutNested([...resolver.resolved].sort(compareBytes));
}

/** The sorted list without paths that lie below another path of it; undefined if the root (`.`) is in it. */
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
    // Links may point at links. A list of the paths still to follow avoids deep recursion for a long chain.
    const open = [path];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const target of this.#walk(next).reverse()) open.push(target);
    }
  }

  /** Follows a path to its end or its first link. Returns the paths that remain: the link's target with the rest. */
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

  /** The targets of the links that a component names, which may be a wildcard. Nothing outside the root is read. */
  #targets(path: ByteString, last: ByteString): ByteString[] {
    if (path === '..' || path.startsWith('../')) return [];
    return hasWildcard(last) ? this.#wildcardTargets(path) : this.#target(path);
  }

  #wildcardTargets(path: ByteString): ByteString[] {
    const dir = dirName(path);
    const wildcard = compileOrNever(baseName(path));
    const names = this.#attempt(dir, () => this.#names(dir)) ?? [];
    return names
      .sort(compareBytes)
      .filter((name) => wildcard?.matches(name))
      .flatMap((name) => this.#target(joinPath(dir, name)));
  }

  /** Names in a directory; none in a link to one, whose own name looks like a wildcard. */
  #names(dir: ByteString): ByteString[] {
    if (dir === '.') return this.#reader.names('');
    return this.#reader.entry(dir)?.type === 'dir' ? this.#reader.names(dir) : [];
  }

  /** The target of a link, from the root; empty if the path is not a link. */
  #target(path: ByteString): ByteString[] {
    if (path === '.') return [];
    const entry = this.#attempt(path, () => this.#reader.entry(path));
    if (entry?.type !== 'symlink') return [];
    const target = this.#attempt(path, () => this.#reader.target(path));
    if (target === undefined) return [];
    return [target.startsWith('/') ? cleanPath(target) : cleanPath(`/${dirName(path)}/${target}`)];
  }

  /** Undefined if the path does not exist or lies below something that is not a directory. */
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

/** A malformed wildcard matches nothing here; the include pattern made from it reports the error. */
function compileOrNever(pattern: ByteString): Wildcard | undefined {
  try {
    return new Wildcard(pattern);
  } catch {
    return undefined;
  }
}
