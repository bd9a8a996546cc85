/**
 * The store's `index.json`: which images are in it, under which names. Other tools read it (`skopeo inspect
 * oci:<store>:<name>`), and what it refers to is kept. Changed under a lock, replaced as a whole.
 */
import { readFile } from 'node:fs/promises';
import { isDigest } from '../core/digest.ts';
import { REF_NAME } from '../oci/annotations.ts';
import { MEDIA_TYPE } from '../oci/media-types.ts';
import type { Descriptor } from '../oci/types.ts';
import { type StoreDirectory, storeError, syncDirectory } from './layout.ts';
import type { Locks } from './sharing/locks.ts';

export class IndexFile {
  readonly #directory: StoreDirectory;
  readonly #locks: Locks;

  constructor(directory: StoreDirectory, locks: Locks) {
    this.#directory = directory;
    this.#locks = locks;
  }

  /** The images of the store; none when there is no readable index. */
  async images(): Promise<readonly Descriptor[]> {
    return (await this.read()) ?? [];
  }

  /** As `images`; undefined when the file is there and is not what it should be. */
  async read(): Promise<readonly Descriptor[] | undefined> {
    let text: string;
    try {
      text = await readFile(this.#directory.path('index.json'), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw storeError(error, `cannot read ${this.#directory.path('index.json')}`);
    }
    try {
      const { manifests } = JSON.parse(text) as { manifests?: unknown };
      if (!Array.isArray(manifests) || !manifests.every(isDescriptor)) return undefined;
      return manifests;
    } catch {
      return undefined;
    }
  }

  /**
   * Changes the list of images. A list that cannot be read is begun anew: its blobs are found again by their digests.
   * @param always also when nothing changes
   */
  async update(change: (images: readonly Descriptor[]) => readonly Descriptor[], always = false): Promise<void> {
    const lock = await this.#locks.acquire('index');
    try {
      const before = await this.images();
      const after = change(before);
      if (!always && JSON.stringify(after) === JSON.stringify(before)) return;
      // An index that outlives a power loss must not name blobs whose names did not.
      await syncDirectory(this.#directory.path('blobs', 'sha256'));
      const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: after };
      await this.#directory.replaceFile(this.#directory.path('index.json'), `${JSON.stringify(index)}\n`, 'directory');
    } catch (error) {
      throw storeError(error, `cannot write ${this.#directory.path('index.json')}`);
    } finally {
      await lock.release();
    }
  }

  /** Gives an image a name, taking the name from another. */
  async tag(name: string, { mediaType, digest, size, artifactType }: Descriptor): Promise<void> {
    const entry: Descriptor = {
      mediaType,
      digest,
      size,
      ...(artifactType === undefined ? {} : { artifactType }),
      annotations: { [REF_NAME]: name },
    };
    await this.update((images) => {
      const same = images.find((image) => image.annotations?.[REF_NAME] === name);
      if (same?.digest === digest) return images;
      return [...images.filter((image) => image !== same), entry].sort(byName);
    });
  }

  /** Takes images with these names (see `imageName`) out of the list. */
  async remove(names: ReadonlySet<string>): Promise<void> {
    await this.update((images) => images.filter((image) => !names.has(imageName(image))));
  }
}

/** The name of an image, or its digest when other tools gave it none. */
export function imageName({ annotations, digest }: Descriptor): string {
  return annotations?.[REF_NAME] ?? digest;
}

function byName(a: Descriptor, b: Descriptor): number {
  const [left, right] = [a.annotations?.[REF_NAME] ?? '', b.annotations?.[REF_NAME] ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}

function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== 'object' || value === null) return false;
  const { mediaType, digest, size } = value as Record<string, unknown>;
  return typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest) && typeof size === 'number';
}
