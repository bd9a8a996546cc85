/**
 * The store's `index.json`: its images and their names. Other tools read it (`skopeo inspect oci:<store>:<name>`), and
 * the blobs it refers to are kept. It is changed under a lock and replaced as a whole.
 */
import { lstat, readFile } from 'node:fs/promises';
import { isDigest } from '../core/digest.ts';
import { isObject, jsonObject } from '../core/is-object.ts';
import { syncDirectory } from '../fs/write/sync-directory.ts';
import { REF_NAME } from '../oci/annotations.ts';
import { MEDIA_TYPE } from '../oci/media-types.ts';
import type { Descriptor } from '../oci/types.ts';
import { damaged, type Problem, readDocument } from './document.ts';
import { storeError } from './failures.ts';
import type { StoreDirectory } from './layout.ts';
import type { Locks } from './sharing/locks.ts';

export class IndexFile {
  readonly #directory: StoreDirectory;
  readonly #locks: Locks;

  constructor(directory: StoreDirectory, locks: Locks) {
    this.#directory = directory;
    this.#locks = locks;
  }

  /** The images of the store; none if there is no readable index. */
  async images(): Promise<readonly Descriptor[]> {
    return (await this.read()) ?? [];
  }

  /** As `images`; undefined if the file exists but is invalid. */
  async read(): Promise<readonly Descriptor[] | undefined> {
    let text: string;
    try {
      // A pipe in its place would be waited for.
      if (!(await lstat(this.#directory.path('index.json'))).isFile()) return undefined;
      text = await readFile(this.#directory.path('index.json'), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw storeError(error, `cannot read ${this.#directory.path('index.json')}`);
    }
    return manifestsOf(text);
  }

  /** As `images`, and what is wrong with the file. */
  look(): { readonly images: readonly Descriptor[]; readonly problem?: Problem } {
    const found = readDocument(this.#directory.path('index.json'));
    if (found === undefined) return { images: [] };
    if ('problem' in found) return { images: [], problem: found };
    const images = manifestsOf(found.text);
    return images === undefined ? { images: [], problem: damaged('is no list of images') } : { images };
  }

  /**
   * Changes the list of images. An unreadable list is replaced by a new one: blobs are found by their digests anyway.
   * @param always write even if nothing changed
   */
  async update(change: (images: readonly Descriptor[]) => readonly Descriptor[], always = false): Promise<void> {
    const lock = await this.#locks.acquire('index');
    try {
      const before = await this.images();
      const after = change(before);
      if (!always && JSON.stringify(after) === JSON.stringify(before)) return;
      // After a power loss the index must not name blobs whose own names were lost.
      await syncDirectory(this.#directory.path('blobs', 'sha256'));
      const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: after };
      await this.#directory.replaceFile(this.#directory.path('index.json'), `${JSON.stringify(index)}\n`, 'directory');
    } catch (error) {
      throw storeError(error, `cannot write ${this.#directory.path('index.json')}`);
    } finally {
      await lock.release();
    }
  }

  /** Gives an image a name, which another image loses. */
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

  /** Removes the images with these names (see `imageName`) from the list. */
  async remove(names: ReadonlySet<string>): Promise<void> {
    await this.update((images) => images.filter((image) => !names.has(imageName(image))));
  }
}

/** Undefined if the text is no index. */
function manifestsOf(text: string): readonly Descriptor[] | undefined {
  const manifests = jsonObject(text)?.manifests;
  return Array.isArray(manifests) && manifests.every(isDescriptor) ? manifests : undefined;
}

/** The name of an image, or its digest if another tool gave it none. */
export function imageName({ annotations, digest }: Descriptor): string {
  return annotations?.[REF_NAME] ?? digest;
}

function byName(a: Descriptor, b: Descriptor): number {
  const [left, right] = [a.annotations?.[REF_NAME] ?? '', b.annotations?.[REF_NAME] ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}

function isDescriptor(value: unknown): value is Descriptor {
  if (!isObject(value)) return false;
  const { mediaType, digest, size } = value;
  return typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest) && typeof size === 'number';
}
