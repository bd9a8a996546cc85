/** Writes the metadata of entries copied from a directory: owners, and losses. */
import { lstatSync } from 'node:fs';
import type { Metadata, Time, WriteOptions } from '../../contract/index.ts';
import { localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, textOfBytes } from '../../fs/byte-string.ts';
import type { EntryType } from '../../fs/entry/tree-entry.ts';
import { LossList } from '../../fs/write/losses.ts';
import { MetadataWriter, ownerChoice, presentOf } from '../../fs/write/metadata.ts';

export class Finisher {
  readonly #writer: MetadataWriter;
  readonly #toRoot: boolean;
  readonly losses = new LossList();

  constructor(options: WriteOptions) {
    this.#writer = new MetadataWriter(options, this.losses);
    // BuildKit gives files of a directory to root, including their set-user-ID bits.
    this.#toRoot = ownerChoice(options.owner) === 'auto';
  }

  /**
   * Sets the metadata of a written entry.
   * @returns its actual metadata
   * @throws CtxsrcError of `localError`
   */
  finish(path: string | Buffer, place: ByteString, type: EntryType, wanted: Metadata): Metadata {
    const meta = { ...wanted, ...(this.#toRoot ? { uid: 0, gid: 0 } : {}) };
    try {
      this.#writer.finish(path, place, type, meta, presentOf(lstatSync(path)));
    } catch (error) {
      throw localError(error, `cannot write ${place === '' ? 'the directory' : printable(textOfBytes(place))}`);
    }
    return meta;
  }

  /** The root is never part of a local directory: it is a fresh directory. */
  finishRoot(path: string | Buffer, time: Time): void {
    const { uid, gid } = lstatSync(path);
    this.finish(path, '', 'dir', { ...time, mode: 0o755, uid, gid, xattrs: undefined });
  }
}
