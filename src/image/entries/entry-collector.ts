/** The entries of one layer as they are read, within limits. */
import { createHash, type Hash } from 'node:crypto';
import type { Entry } from '../../contract/entry.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { MAX_METADATA } from '../../layer/apply/written-tree.ts';
import { archiveError } from '../../layer/tar/header.ts';
import type { TarEntry, TarHandler } from '../../layer/tar/reader.ts';
import type { MergeLimits } from './merge.ts';

/** Counts the memory that names, link texts and attributes take, of all layers of an image together. */
export class MetadataSum {
  #bytes = 0;

  /** @throws CtxsrcError `E_LIMIT` */
  add({ path, target = '', xattrs }: Entry): void {
    this.#bytes += path.length + target.length;
    for (const [key, value] of xattrs ?? []) this.#bytes += key.length + value.length;
    if (this.#bytes > MAX_METADATA) {
      throw new CtxsrcError('E_LIMIT', 'the names and attributes of the image take more than 512 MiB of memory');
    }
  }
}

/** Collects the entries of an archive. */
export class EntryCollector implements TarHandler {
  readonly entries: Entry[] = [];
  readonly #limits: MergeLimits;
  readonly #metadata: MetadataSum;
  #bytes = 0;
  #hash: Hash | undefined;

  constructor(limits: MergeLimits, metadata: MetadataSum) {
    this.#limits = limits;
    this.#metadata = metadata;
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
    const collected: Entry = { ...metadata, path: name, type, size, ...(hasTarget ? { target } : {}) };
    this.#metadata.add(collected);
    this.entries.push(collected);
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
