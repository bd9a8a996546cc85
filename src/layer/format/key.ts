/** The content key of the files in a layer, for layers whose entries are in the order of a walk. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Digest } from '../../core/digest.ts';
import type { ByteString } from '../../fs/byte-string.ts';
import { EMPTY_DIGEST, entryHeader, hexDigest } from '../../fs/entry/header.ts';
import { FRESH_ROOT_HEADER } from '../../fs/hash/header-digests.ts';
import { TreeHasher } from '../../fs/hash/tree-hasher.ts';
import { decompress } from '../compress/decompress.ts';
import { type TarEntry, TarReader } from '../tar/reader.ts';

export interface LayerDigests {
  /** Of the layer as it lies there. */
  readonly digest: Digest;
  /** Undefined where the layer has anything else than a directory with such a key would give. */
  readonly key: Digest | undefined;
}

/**
 * Reads a layer in gzip once.
 * @throws CtxsrcError `E_ARCHIVE_INVALID`, `E_LIMIT`; errors of the system unchanged
 */
export async function layerDigests(path: string, maxRatio: number, signal: AbortSignal): Promise<LayerDigests> {
  const blob = createHash('sha256');
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(path, { signal })) {
      blob.update(chunk as Buffer);
      yield chunk as Buffer;
    }
  };
  const files = new LayerFiles();
  const reader = new TarReader(files);
  for await (const chunk of decompress(hashed(), 'gzip', maxRatio)) reader.push(chunk);
  reader.finish();
  return { digest: `sha256:${blob.digest('hex')}`, key: files.key() };
}

class LayerFiles {
  readonly #directories: ByteString[] = [];
  #hasher: TreeHasher | undefined;
  #last = '';
  #fits = true;
  #content: Hash | undefined;

  entry(entry: TarEntry): void {
    const { type, mode, size, linkName, devMajor, devMinor, uid, gid, xattrs, sparse } = entry;
    const path = entry.name.replace(/\/$/, '');
    if (path === '.') return;
    const slash = path.lastIndexOf('/');
    const [parent, name] = [slash < 0 ? '' : path.slice(0, slash), path.slice(slash + 1)];
    while (this.#directories.length > 0 && this.#directories.at(-1) !== parent) this.#directories.pop();
    const isInPlace = parent === (this.#directories.at(-1) ?? '') && inOrder(this.#last, path);
    const isPlain = type !== 'hardlink' && type !== 'label' && uid === 0 && gid === 0 && sparse === undefined;
    const isName = slash !== 0 && name !== '' && name !== '.' && name !== '..' && !name.startsWith('.wh.');
    this.#last = path;
    if (!isInPlace || !isPlain || !isName) this.#fits = false;
    if (!this.#fits || type === 'hardlink' || type === 'label') return;
    this.#hasher ??= new TreeHasher(EMPTY_DIGEST);
    const target = type === 'symlink' ? linkName : `${devMajor}:${devMinor}`;
    const header = entryHeader({ type, mode, uid, gid, size, target, xattrs });
    if (type === 'dir') {
      this.#directories.push(path);
      this.#hasher.directory(path, hexDigest(header));
    } else if (type === 'file') this.#content = createHash('sha256').update(header, 'latin1');
    else this.#hasher.file(path, hexDigest(header));
  }

  data(chunk: Buffer): void {
    this.#content?.update(chunk);
  }

  fileEnd(): void {
    if (this.#content !== undefined) this.#hasher?.file(this.#last, this.#content.digest('hex'));
    this.#content = undefined;
  }

  key(): Digest | undefined {
    if (!this.#fits) return undefined;
    const hasher = this.#hasher ?? new TreeHasher(FRESH_ROOT_HEADER);
    return `sha256:${hasher.finish().digest}`;
  }
}

/** True if the path comes after the other one in a walk: a slash sorts before every other byte. */
function inOrder(before: ByteString, path: ByteString): boolean {
  const sortable = (text: ByteString): ByteString => text.replaceAll('/', '\0');
  return sortable(before) < sortable(path);
}
