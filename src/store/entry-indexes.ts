/**
 * Indexes of layers: `entries/ALGORITHM-HEX` of a diff ID. A line of JSON with the format and the digest of the rest,
 * then the rows of the layer's entries, compressed. An index only saves the reading of a layer: one that is damaged or
 * cannot be written counts as missing.
 */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { EntryIndexStore } from '../contract/store.ts';
import { type Digest, sha256 } from '../core/digest.ts';
import type { StoreDirectory } from './layout.ts';
import { touch } from './process-identity.ts';

/** The folder of the store. */
export const ENTRIES = 'entries';
/** Of the header and the rows; an index in another format is made anew. */
const FORMAT = 1;
/** Bytes of rows, and of them compressed: the index of a larger layer is not kept. */
const MAX_ROWS = 512 << 20;
const MAX_COMPRESSED = 64 << 20;
const NEWLINE = 0x0a;

export class FileEntryIndexes implements EntryIndexStore {
  readonly #directory: StoreDirectory;

  constructor(directory: StoreDirectory) {
    this.#directory = directory;
  }

  async get(diffId: Digest): Promise<Buffer | undefined> {
    const path = this.#path(diffId);
    const compressed = checkedIndex(await readFile(path).catch(() => undefined));
    if (compressed === undefined) return undefined;
    try {
      const rows = await promisify(gunzip)(compressed, { maxOutputLength: MAX_ROWS });
      await touch(path);
      return rows;
    } catch {
      return undefined;
    }
  }

  async put(diffId: Digest, rows: Iterable<Uint8Array>): Promise<void> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (const piece of rows) {
      length += piece.length;
      if (length > MAX_ROWS) return;
      pieces.push(piece);
    }
    const compressed = await promisify(gzip)(Buffer.concat(pieces), { level: 3 });
    if (compressed.length > MAX_COMPRESSED) return;
    const bytes = Buffer.concat([Buffer.from(`${headerOf(compressed)}\n`), compressed]);
    await this.#directory.keep(() => this.#directory.replaceFile(this.#path(diffId), bytes));
  }

  #path(diffId: Digest): string {
    return this.#directory.path(ENTRIES, diffId.replace(':', '-'));
  }
}

/** The compressed rows of an index; undefined unless they are what its header says. */
export function checkedIndex(bytes: Buffer | undefined): Buffer | undefined {
  const end = bytes?.indexOf(NEWLINE) ?? -1;
  if (bytes === undefined || end === -1) return undefined;
  const compressed = bytes.subarray(end + 1);
  return bytes.toString('latin1', 0, end) === headerOf(compressed) ? compressed : undefined;
}

function headerOf(compressed: Uint8Array): string {
  return JSON.stringify({ format: FORMAT, digest: sha256(compressed) });
}
