/** The folders of a directory that hold most of its bytes, in a few rows that add up to the whole. */
import { printable } from '../../core/printable.ts';
import { type ByteString, textOfBytes } from '../../fs/byte-string.ts';

interface Folder {
  readonly path: ByteString;
  /** Of all files below. */
  bytes: number;
  files: number;
  readonly children: Folder[];
}

/** A folder, and what is in it. */
export interface FolderSum {
  /** Empty for the directory itself. */
  readonly path: string;
  /** Bytes of its files. */
  readonly bytes: number;
  /** Number of its files. */
  readonly files: number;
}

/** Rows at most. */
const SHOWN = 10;

export class FolderSums {
  readonly #root: Folder = { path: '', bytes: 0, files: 0, children: [] };
  readonly #folders = new Map<ByteString, Folder>([['', this.#root]]);

  /** Adds a directory of the walk, which comes before its content. */
  addFolder(path: ByteString): void {
    const folder: Folder = { path, bytes: 0, files: 0, children: [] };
    this.#folders.set(path, folder);
    this.#folders.get(parentOf(path))!.children.push(folder);
  }

  addFile(path: ByteString, size: number): void {
    for (let at = parentOf(path); ; at = parentOf(at)) {
      const folder = this.#folders.get(at)!;
      folder.bytes += size;
      folder.files += 1;
      if (at === '') return;
    }
  }

  /**
   * The largest folders, each without those in it that are rows too: a folder is taken apart while it is the largest row
   * and others are left to show.
   */
  rows(): FolderSum[] {
    const rest = new Map<Folder, { bytes: number; files: number }>([[this.#root, { ...this.#root }]]);
    for (let next: Folder | undefined = this.#root; next !== undefined; next = this.#largest(rest)) {
      const own = rest.get(next)!;
      for (const child of heaviest(next.children).slice(0, SHOWN - rest.size)) {
        rest.set(child, { bytes: child.bytes, files: child.files });
        own.bytes -= child.bytes;
        own.files -= child.files;
      }
    }
    return [...rest]
      .filter(([, { files }]) => files > 0)
      .map(([{ path }, { bytes, files }]) => ({ path: printable(textOfBytes(path)), bytes, files }))
      .sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
  }

  /** The largest row, if there are folders in it and room for them. */
  #largest(rest: ReadonlyMap<Folder, { bytes: number }>): Folder | undefined {
    if (rest.size >= SHOWN) return undefined;
    const [largest] = [...rest].sort(([, a], [, b]) => b.bytes - a.bytes)[0]!;
    const isWhole = largest.children.every((child) => !rest.has(child));
    return isWhole && largest.children.some(({ bytes }) => bytes > 0) ? largest : undefined;
  }
}

const heaviest = (folders: readonly Folder[]): Folder[] =>
  folders.filter(({ files }) => files > 0).sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
