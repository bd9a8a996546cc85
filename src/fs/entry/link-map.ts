/** Hard links: which paths of a tree are one file. */

interface FileNumbers {
  readonly dev: number | bigint;
  readonly ino: number | bigint;
}

/** A text that is the same for all paths of one file. The inode alone is not: a tree may span file systems. */
export function fileIdentity({ dev, ino }: FileNumbers): string {
  return `${dev}:${ino}`;
}

/** The first path of each file that has several. */
export class LinkMap<Path> {
  readonly #paths = new Map<string, Path>();

  /** The path under which the file was met before; otherwise undefined, and this path is remembered. */
  firstOf(stat: FileNumbers & { readonly nlink: number | bigint }, path: Path): Path | undefined {
    if (stat.nlink <= 1) return undefined;
    const identity = fileIdentity(stat);
    const first = this.#paths.get(identity);
    if (first === undefined) this.#paths.set(identity, path);
    return first;
  }
}
