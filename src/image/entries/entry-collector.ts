/** The entries of one layer as they are read, within limits. */
import { createHash, type Hash, hash } from 'node:crypto';
import type { Entry } from '../../contract/entry.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { MAX_METADATA } from '../../layer/apply/written-tree.ts';
import { archiveError } from '../../layer/tar/header.ts';
import type { TarEntry, TarHandler } from '../../layer/tar/reader.ts';
import type { MergeLimits } from './merge.ts';
import { PackedEntries } from './packed-entries.ts';

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

/** Bytes of a file that is hashed by one call: for hundreds of thousands of files a hash object each takes much memory. */
const SMALL = 64 << 10;

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Collects the entries of an archive. */
export class EntryCollector implements TarHandler {
  readonly #entries = new PackedEntries();
  readonly #limits: MergeLimits;
  readonly #metadata: MetadataSum;
  /** Still without its digest. */
  #last: Mutable<Entry> | undefined;
  #count = 0;
  #bytes = 0;
  #hashes = false;
  #hash: Hash | undefined;
  readonly #small = Buffer.alloc(SMALL);
  #filled = 0;

  constructor(limits: MergeLimits, metadata: MetadataSum) {
    this.#limits = limits;
    this.#metadata = metadata;
  }

  entry(entry: TarEntry): void {
    const { name, type, mode, uid, gid, size, mtime, mtimeNs, linkName, devMajor, devMinor, xattrs, sparse } = entry;
    if (type === 'label') throw archiveError('it has a name of its own, which no layer has');
    const { maxFiles, maxBytes } = this.#limits;
    this.#bytes += size;
    this.#count += 1;
    if (this.#count > maxFiles) refuse(`has more than ${maxFiles} files`, '--max-files');
    if (this.#bytes > maxBytes) refuse(`unpacks to more than ${maxBytes} bytes`, '--max-bytes');
    const isDevice = type === 'char' || type === 'block';
    const target = isDevice ? `${devMajor}:${devMinor}` : linkName;
    const hasTarget = isDevice || ((type === 'symlink' || type === 'hardlink') && linkName !== '');
    // The digest of a file with holes is left out: only its pieces are read.
    this.#hashes = type === 'file' && sparse === undefined;
    this.#hash = this.#hashes && size > SMALL ? createHash('sha256') : undefined;
    this.#filled = 0;
    const collected: Mutable<Entry> = { path: name, type, mode, uid, gid, size, mtime, mtimeNs, xattrs };
    if (hasTarget) collected.target = target;
    this.#metadata.add(collected);
    this.#keepLast();
    this.#last = collected;
  }

  data(chunk: Buffer): void {
    if (this.#hash !== undefined) this.#hash.update(chunk);
    else if (this.#hashes) this.#filled += chunk.copy(this.#small, this.#filled);
  }

  fileEnd(): void {
    if (!this.#hashes) return;
    const hex = this.#hash?.digest('hex') ?? hash('sha256', this.#small.subarray(0, this.#filled), 'hex');
    this.#last!.digest = `sha256:${hex}`;
  }

  /** All entries, after the last of them. */
  end(): PackedEntries {
    this.#keepLast();
    this.#entries.end();
    return this.#entries;
  }

  #keepLast(): void {
    if (this.#last !== undefined) this.#entries.add(this.#last);
    this.#last = undefined;
  }
}

function refuse(what: string, flag: string): never {
  throw new CtxsrcError('E_LIMIT', `a layer of the image ${what}`, {
    hint: `if that is meant to be so, raise ${flag}`,
  });
}
