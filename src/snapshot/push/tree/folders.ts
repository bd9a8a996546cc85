/** Which folders at the top of a source are the largest. */
import type { ByteString } from '../../../fs/byte-string.ts';
import { readableBytes } from '../../../fs/byte-string.ts';
import type { LayerEntry } from '../../../layer/format/tar.ts';

export interface FolderSize {
  /** `.` for the files at the top. */
  readonly path: string;
  readonly bytes: number;
}

const MOST = 5;

export class FolderSizes {
  readonly #bytes = new Map<ByteString, number>();

  /** Called with every entry. */
  entry({ path, size }: LayerEntry): void {
    const slash = path.indexOf('/');
    const folder = slash < 0 ? '.' : path.slice(0, slash);
    this.#bytes.set(folder, (this.#bytes.get(folder) ?? 0) + size);
  }

  largest(): FolderSize[] {
    return [...this.#bytes]
      .filter(([, bytes]) => bytes > 0)
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, MOST)
      .map(([path, bytes]) => ({ path: readableBytes(path), bytes }));
  }
}
