/** Digests of entries without content: directories, links, devices and others. */
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { textOfBytes } from '../byte-string.ts';
import { EMPTY_DIGEST, entryHeader, hexDigest } from '../entry/header.ts';
import { keptMode, type Modes } from '../entry/modes.ts';
import type { DiskReader, TreeEntry } from '../entry/tree-entry.ts';
import { readXattrs } from '../entry/xattrs.ts';
import type { Native } from '../native/native.ts';

/** Of the root that BuildKit makes where a sync sends nothing, and then scans. */
export const FRESH_ROOT_HEADER = hexDigest(entryHeader({ type: 'dir', mode: 0o755, uid: 0, gid: 0, size: 0 }));

const UNSEEN = { xattrs: undefined, incomplete: false };

export class HeaderDigests {
  readonly #modes: Modes;
  readonly #scan: boolean;
  readonly #native: () => Native | undefined;
  #incomplete = false;
  /** The digest of directories with this mode and no extended attributes. */
  #directories = { mode: -1, digest: EMPTY_DIGEST };

  /**
   * @param options `scan`: owners count, and numbers of devices do not
   * @param native the native calls, asked for when the first entry needs them
   */
  constructor(options: { readonly modes: Modes; readonly scan: boolean }, native: () => Native | undefined) {
    this.#modes = options.modes;
    this.#scan = options.scan;
    this.#native = native;
  }

  /** True if an extended attribute could not be read. */
  get incomplete(): boolean {
    return this.#incomplete;
  }

  /**
   * The digest of an entry that is no regular file; undefined if it no longer exists.
   * @param fd the entry, if it is open
   * @throws CtxsrcError `E_PERMISSION`, `E_IO`
   */
  digest(disk: DiskReader, entry: TreeEntry, fd?: number): string | undefined {
    try {
      const native = this.#native();
      const { xattrs, incomplete } = native === undefined ? UNSEEN : readXattrs(native, fd ?? disk.full(entry.path));
      if (incomplete) this.#incomplete = true;
      if (entry.type === 'dir' && !this.#scan && (xattrs?.size ?? 0) === 0) return this.#directoryDigest(entry.mode);
      return hexDigest(
        entryHeader({
          type: entry.type,
          mode: keptMode(entry, this.#modes),
          uid: this.#scan ? entry.uid : 0,
          gid: this.#scan ? entry.gid : 0,
          size: 0,
          target: this.#scan && entry.type !== 'symlink' ? undefined : disk.targetOf(entry),
          xattrs,
        }),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw ioError(error, `cannot read ${printable(textOfBytes(entry.path))}`);
    }
  }

  /** Mostly the same as for the previous directory. */
  #directoryDigest(mode: number): string {
    if (mode !== this.#directories.mode) {
      const kept = keptMode({ type: 'dir', mode }, this.#modes);
      const header = entryHeader({ type: 'dir', mode: kept, uid: 0, gid: 0, size: 0 });
      this.#directories = { mode, digest: hexDigest(header) };
    }
    return this.#directories.digest;
  }
}
