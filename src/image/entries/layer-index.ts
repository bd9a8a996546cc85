/**
 * The index of a layer: its entries in the order of the archive, with the digests of files, as the archive has them. It
 * is kept in the store by diff ID, so that a layer is read once.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Entry } from '../../contract/entry.ts';
import type { JobContext } from '../../contract/session.ts';
import type { Store } from '../../contract/store.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { entriesOfRows, ROW_SEPARATOR, rowOf } from '../../fs/entry/json-rows.ts';
import { archiveError } from '../../layer/tar/header.ts';
import type { TarEntry, TarHandler } from '../../layer/tar/reader.ts';
import type { MergeLimits } from './merge.ts';
import { mended, type OpenLayer, readLayerArchive } from './read-layer.ts';

/**
 * The entries of a layer: from the store, else by reading the layer.
 * @throws CtxsrcError as `readLayerArchive`
 */
export async function layerEntries(
  job: JobContext,
  store: Store,
  layer: OpenLayer,
  limits: MergeLimits & { readonly maxRatio: number },
): Promise<readonly Entry[]> {
  const stored = await storedEntries(store, layer);
  if (stored !== undefined) return stored;
  const entries = await mended(async () => {
    const collector = new EntryCollector(limits);
    await readLayerArchive(job, store, layer, collector, limits.maxRatio);
    return collector.entries;
  });
  await store.entryIndexes.put(layer.diffId, Buffer.from(entries.map(rowOf).join(ROW_SEPARATOR)));
  return entries;
}

async function storedEntries(store: Store, { diffId }: OpenLayer): Promise<readonly Entry[] | undefined> {
  const rows = await store.entryIndexes.get(diffId);
  if (rows === undefined) return undefined;
  return rows.length === 0 ? [] : [...entriesOfRows([rows])];
}

/** Collects the entries of an archive. */
class EntryCollector implements TarHandler {
  readonly entries: Entry[] = [];
  readonly #limits: MergeLimits;
  #bytes = 0;
  #hash: Hash | undefined;

  constructor(limits: MergeLimits) {
    this.#limits = limits;
  }

  entry(entry: TarEntry): void {
    const { name, type, mode, uid, gid, size, mtime, mtimeNs, linkName, devMajor, devMinor, xattrs, sparse } = entry;
    if (type === 'label') throw archiveError('it has a name of its own, which no layer has');
    const { maxFiles, maxBytes } = this.#limits;
    this.#bytes += size;
    if (this.entries.length >= maxFiles) refuse(`has more than ${maxFiles} files`, '--max-files');
    if (this.#bytes > maxBytes) refuse(`unpacks to more than ${maxBytes} bytes`, '--max-bytes');
    const isDevice = type === 'char' || type === 'block';
    const target = isDevice ? `${devMajor}:${devMinor}` : linkName;
    const hasTarget = isDevice || ((type === 'symlink' || type === 'hardlink') && linkName !== '');
    // The digest of a file with holes is left out: only its pieces are read.
    this.#hash = type === 'file' && sparse === undefined ? createHash('sha256') : undefined;
    const metadata = { mode, uid, gid, mtime, mtimeNs, xattrs };
    this.entries.push({ ...metadata, path: name, type, size, ...(hasTarget ? { target } : {}) });
  }

  data(chunk: Buffer): void {
    this.#hash?.update(chunk);
  }

  fileEnd(): void {
    if (this.#hash === undefined) return;
    const last = this.entries.pop()!;
    this.entries.push({ ...last, digest: `sha256:${this.#hash.digest('hex')}` });
  }
}

function refuse(what: string, flag: string): never {
  throw new CtxsrcError('E_LIMIT', `a layer of the image ${what}`, {
    hint: `if that is meant to be so, raise ${flag}`,
  });
}
