/**
 * The files of an image without unpacking it: each question is asked of the layers from the top down, and of no more of
 * them than its answer needs.
 */
import type { Entry } from '../../contract/entry.ts';
import type { JobContext } from '../../contract/session.ts';
import type { Store } from '../../contract/store.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { withGoodBlob } from '../../core/with-good-blob.ts';
import type { TarHandler } from '../../layer/tar/reader.ts';
import { isDamage, ofLayer } from '../layer-damage.ts';
import { MetadataSum } from './entry-collector.ts';
import { type EntryTree, LowerLayersNeeded } from './entry-tree.ts';
import type { FileTree } from './file-tree.ts';
import type { Inode } from './inode.ts';
import { layerEntries } from './layer-index.ts';
import { LayerMerge, type MergeLimits } from './merge.ts';
import { type OpenLayer, readLayerArchive } from './read-layer.ts';
import { openSpool, type Spool } from './spool.ts';

export interface LayeredFilesOptions {
  readonly store: Store;
  /** Base first. */
  readonly layers: readonly OpenLayer[];
  readonly limits: MergeLimits & { readonly maxRatio: number };
  /** Index of the one layer that is looked at by itself. */
  readonly only?: number | undefined;
  /** Releases the image. */
  readonly release: () => Promise<void>;
}

/** Layers read at the same time when all are needed. */
const LANES = 3;

export class LayeredFiles implements FileTree {
  readonly #options: LayeredFilesOptions;
  readonly #entries = new Map<number, Iterable<Entry>>();
  readonly #metadata = new MetadataSum();
  /** The tree of the lowest layer so far and all above it. */
  #tree: { readonly lowest: number; readonly tree: EntryTree } | undefined;

  constructor(options: LayeredFilesOptions) {
    this.#options = options;
  }

  async ask<T>(job: JobContext, answer: (tree: EntryTree) => T): Promise<T> {
    const { only, layers } = this.#options;
    for (let lowest = this.#tree?.lowest ?? only ?? layers.length - 1; ; lowest -= 1) {
      job.signal.throwIfAborted();
      try {
        return answer(await this.#treeFrom(job, lowest));
      } catch (error) {
        if (!(error instanceof LowerLayersNeeded)) throw error;
      }
    }
  }

  async readAll(job: JobContext): Promise<void> {
    const { only, layers } = this.#options;
    if (only !== undefined) return;
    const waiting = layers.keys();
    const stop = new AbortController();
    const shared: JobContext = { ...job, signal: AbortSignal.any([job.signal, stop.signal]) };
    const lane = async (): Promise<void> => {
      for (const layer of waiting) await this.#entriesOf(shared, layer);
    };
    // The failure of the first stops the others: its error is the one that counts.
    const lanes = Array.from({ length: LANES }, lane);
    for (const one of lanes) one.catch((error: unknown) => stop.abort(error));
    await Promise.allSettled(lanes);
    job.signal.throwIfAborted();
    stop.signal.throwIfAborted();
    await this.#treeFrom(job, 0);
  }

  async *read(job: JobContext, { layer, index, size }: Inode): AsyncGenerator<Uint8Array> {
    if (layer === undefined) {
      throw new CtxsrcError('E_PATH_NOT_FOUND', 'the file is a hard link into a lower layer', {
        hint: 'leave --layer out',
      });
    }
    const spool = await withGoodBlob(() => this.#spooled(job, layer, index, size));
    try {
      yield* spool.read();
    } finally {
      await spool.close();
    }
  }

  async #spooled(job: JobContext, layer: number, wanted: number, size: number): Promise<Spool> {
    const { layers, limits, store } = this.#options;
    const spool = await openSpool(store, size);
    try {
      let index = -1;
      const handler: TarHandler = {
        entry() {
          index += 1;
        },
        data(chunk, offset) {
          if (index === wanted) spool.write(chunk, offset);
        },
        fileEnd: () => undefined,
      };
      await readLayerArchive(job, store, layers[layer]!, handler, limits.maxRatio);
      return spool;
    } catch (error) {
      await spool.close();
      throw error;
    }
  }

  async readSeveral(job: JobContext, inodes: readonly Inode[]): Promise<ReadonlyMap<Inode, Buffer>> {
    const { layers, limits, store } = this.#options;
    const contents = new Map<Inode, Buffer>();
    for (const layer of new Set(inodes.flatMap((inode) => inode.layer ?? []))) {
      const wanted = new Map(inodes.flatMap((inode) => (inode.layer === layer ? [[inode.index, inode]] : [])));
      const read = await withGoodBlob(async () => {
        const buffers = new Map<Inode, Buffer>();
        let current: Buffer | undefined;
        let index = -1;
        const handler: TarHandler = {
          entry() {
            index += 1;
            const inode = wanted.get(index);
            current = inode && Buffer.alloc(inode.size);
            if (inode !== undefined) buffers.set(inode, current!);
          },
          data: (chunk, offset) => void (current && chunk.copy(current, offset)),
          fileEnd: () => undefined,
        };
        await readLayerArchive(job, store, layers[layer]!, handler, limits.maxRatio);
        return buffers;
      });
      for (const [inode, content] of read) contents.set(inode, content);
    }
    return contents;
  }

  async release(): Promise<void> {
    await this.#options.release();
  }

  async #treeFrom(job: JobContext, lowest: number): Promise<EntryTree> {
    if (this.#tree?.lowest === lowest) return this.#tree.tree;
    const { only, layers, limits } = this.#options;
    const alone = only !== undefined;
    const isWhole = alone || lowest <= 0;
    const merge = new LayerMerge(limits, { complete: isWhole, alone });
    const top = alone ? only : layers.length - 1;
    for (let layer = Math.max(0, lowest); layer <= top; layer += 1) {
      const entries = await this.#entriesOf(job, layer);
      try {
        merge.apply(layer, entries);
      } catch (error) {
        // What does not fit together may fit on top of what is not known yet.
        if (isDamage(error) && !isWhole) throw new LowerLayersNeeded();
        throw isDamage(error) ? ofLayer(error, layers[layer]!.descriptor.digest) : error;
      }
    }
    this.#tree = { lowest, tree: merge.tree };
    // The whole tree answers everything else.
    if (isWhole) this.#entries.clear();
    return merge.tree;
  }

  async #entriesOf(job: JobContext, layer: number): Promise<Iterable<Entry>> {
    const { store, layers, limits } = this.#options;
    const known = this.#entries.get(layer) ?? (await layerEntries(job, store, layers[layer]!, limits, this.#metadata));
    this.#entries.set(layer, known);
    return known;
  }
}
