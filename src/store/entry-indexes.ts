/**
 * Indexes of layers: `entries/ALGORITHM-HEX` of a diff ID. A line of JSON with the format and the digest of the rest, then
 * the pieces, each behind its length in four bytes. An index only saves the reading of a layer: one that is damaged or
 * cannot be written counts as missing.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { EntryIndexStore } from '../contract/store.ts';
import type { Digest } from '../core/digest.ts';
import type { StoreDirectory } from './layout.ts';
import { touch } from './process-identity.ts';

/** The folder of the store. */
export const ENTRIES = 'entries';
/** Of the header and the pieces; an index in another format is made anew. */
const FORMAT = 2;
/** Bytes of the pieces: the index of a larger layer is not kept. */
const MAX_BYTES = 64 << 20;
/** Bytes of a length. */
const LENGTH = 4;
const NEWLINE = 0x0a;

export class FileEntryIndexes implements EntryIndexStore {
  readonly #directory: StoreDirectory;

  constructor(directory: StoreDirectory) {
    this.#directory = directory;
  }

  async get(diffId: Digest): Promise<readonly Buffer[] | undefined> {
    const path = this.#path(diffId);
    const pieces = checkedIndex(await readFile(path).catch(() => undefined));
    if (pieces !== undefined) await touch(path);
    return pieces;
  }

  async put(diffId: Digest, pieces: readonly Uint8Array[]): Promise<void> {
    if (pieces.reduce((sum, { length }) => sum + length, 0) > MAX_BYTES) return;
    const content = pieces.flatMap((piece) => [lengthOf(piece), piece]);
    const header = Buffer.from(`${headerOf(content)}\n`);
    await this.#directory.keep(() => this.#directory.replaceFile(this.#path(diffId), [header, ...content]));
  }

  #path(diffId: Digest): string {
    return this.#directory.path(ENTRIES, diffId.replace(':', '-'));
  }
}

/** The pieces of an index; undefined unless they are what its header says. */
export function checkedIndex(bytes: Buffer | undefined): readonly Buffer[] | undefined {
  const end = bytes?.indexOf(NEWLINE) ?? -1;
  if (bytes === undefined || end === -1) return undefined;
  const rest = bytes.subarray(end + 1);
  if (bytes.toString('latin1', 0, end) !== headerOf([rest])) return undefined;
  const pieces: Buffer[] = [];
  for (let at = 0; at < rest.length; ) {
    const start = at + LENGTH;
    at = start + rest.readUInt32LE(at);
    pieces.push(rest.subarray(start, at));
  }
  return pieces;
}

function lengthOf({ length }: Uint8Array): Buffer {
  const bytes = Buffer.alloc(LENGTH);
  bytes.writeUInt32LE(length);
  return bytes;
}

function headerOf(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return JSON.stringify({ format: FORMAT, digest: `sha256:${hash.digest('hex')}` });
}
