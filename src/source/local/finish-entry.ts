/** Writes the metadata of entries copied from a directory: owners, losses, and rows of the report. */
import { type BigIntStats, lstatSync } from 'node:fs';
import type { WriteOptions, WrittenEntry } from '../../contract/index.ts';
import { localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, isUtf8, textOfBytes } from '../../fs/byte-string.ts';
import type { EntryType } from '../../fs/entry/tree-entry.ts';
import { LossList } from '../../fs/write/losses.ts';
import { type Metadata, MetadataWriter, ownerChoice, presentOf, splitTime } from '../../fs/write/metadata.ts';

/** The wanted metadata of an entry. */
export interface FinishedAs extends Omit<Metadata, 'mtime' | 'mtimeNs'> {
  readonly type: EntryType;
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint;
}

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
  finish(path: string | Buffer, place: ByteString, { type, mtime, ...as }: FinishedAs): Metadata {
    const meta: Metadata = { ...as, ...(this.#toRoot ? { uid: 0, gid: 0 } : {}), ...splitTime(mtime) };
    try {
      this.#writer.finish(path, place, type, meta, presentOf(lstatSync(path)));
    } catch (error) {
      throw localError(error, `cannot write ${place === '' ? 'the directory' : printable(textOfBytes(place))}`);
    }
    return meta;
  }

  /** The root is never part of a local directory: it is a fresh directory. */
  finishRoot(path: string | Buffer, mtime: bigint): void {
    const { uid, gid } = lstatSync(path);
    this.finish(path, '', { type: 'dir', mode: 0o755, uid, gid, mtime, xattrs: undefined });
  }

  report(
    place: ByteString,
    type: WrittenEntry['type'],
    stat: BigIntStats,
    xattrs?: ReadonlyMap<string, string>,
  ): WrittenEntry {
    const kept = [...(xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value, 'latin1').toString('base64')]);
    return {
      ...(isUtf8(place) ? { path: textOfBytes(place) } : { path: place, pathBytes: true }),
      type,
      mode: Number(stat.mode & 0o7777n),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: 0,
      mtime: String(stat.mtimeNs),
      ...(kept.length === 0 ? {} : { xattrs: Object.fromEntries(kept) as Record<string, string> }),
    };
  }
}
