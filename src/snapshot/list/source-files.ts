/** The files of a source, listed and read without a snapshot. */
import type { ImmutableRef, JobContext, SourceInstance, Store } from '../../contract/index.ts';
import { closest } from '../../core/closest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { counted } from '../../core/format.ts';
import { printable } from '../../core/printable.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_FILES, maxRatio, type ReadLimits } from '../../core/read-limits.ts';
import { bytesOfText, textOfBytes } from '../../fs/byte-string.ts';
import { EntryTree, type FoundNode, type Lookup } from '../../image/entries/entry-tree.ts';
import type { FileTree } from '../../image/entries/file-tree.ts';
import { LayeredFiles } from '../../image/entries/layered-files.ts';
import { type ListedEntry, listDirectory, listOne } from '../../image/entries/listing.ts';
import type { MergeLimits } from '../../image/entries/merge.ts';
import type { OpenLayer } from '../../image/entries/read-layer.ts';
import type { DiskFilesOptions } from './disk-files.ts';

export interface FilesRequest {
  readonly instance: SourceInstance;
  readonly store: Store;
  readonly limits?: ReadLimits | undefined;
  /** The number of one layer, the base being 1, that is looked at by itself. */
  readonly layer?: number | undefined;
}

/**
 * Opens the files of a source. Those of an image stay in their layers, those of a directory where they are; of others
 * the store makes them. The caller releases them.
 * @throws CtxsrcError `E_USAGE` for a layer that is not there, and errors of the source
 */
export async function openFiles(job: JobContext, request: FilesRequest): Promise<FileTree> {
  const { instance, store, limits = {}, layer } = request;
  if (instance.files !== undefined) {
    if (layer !== undefined) throw noLayers();
    const { openDiskFiles } = await import('./disk-files.ts');
    // A directory's files belong to root in a build.
    const owner = { uid: 0, gid: 0 };
    const files = await instance.files(job);
    return openDiskFiles(job, { store, files, owner, limits, release: async () => undefined });
  }
  const ref = await instance.snapshot(job);
  if (ref === null) {
    if (layer !== undefined) throw noLayers();
    return NO_FILES;
  }
  const release = (): Promise<void> => ref.release();
  try {
    const layers = await layersOf(job, ref);
    if (layers !== undefined) {
      if (layer !== undefined) checkLayer(layer, layers.length);
      const most = listingLimits(limits);
      const only = layer === undefined ? undefined : layer - 1;
      return new LayeredFiles({ store, layers, limits: most, only, release });
    }
    if (layer !== undefined) throw noLayers();
    return await openMounted(job, { store, ref, limits, owner: instance.owner });
  } catch (error) {
    await release();
    throw error;
  }
}

/** As `openFiles`, for the time of some work. */
export async function withFiles<T>(
  job: JobContext,
  request: FilesRequest,
  work: (files: FileTree) => Promise<T>,
): Promise<T> {
  const files = await openFiles(job, request);
  try {
    return await work(files);
  } finally {
    await files.release();
  }
}

/** The layers of an image, base first, each to be read when it is needed; undefined if the source has none. */
export async function layersOf(job: JobContext, ref: ImmutableRef): Promise<OpenLayer[] | undefined> {
  const [remote] = await ref.getRemotes(job, { create: false });
  return remote?.descriptors.map(({ descriptor, diffId }) => {
    return { descriptor, diffId, read: (reader: JobContext) => remote.read(reader, descriptor) };
  });
}

/** Limits on what is listed of an image, as of what is unpacked. */
export function listingLimits(limits: ReadLimits): MergeLimits & { readonly maxRatio: number } {
  const { maxBytes = DEFAULT_MAX_BYTES, maxFiles = DEFAULT_MAX_FILES } = limits;
  return { maxBytes, maxFiles, maxRatio: maxRatio(limits.maxBytes) };
}

async function openMounted(
  job: JobContext,
  { ref, ...options }: Omit<DiskFilesOptions, 'files' | 'release'> & { readonly ref: ImmutableRef },
): Promise<FileTree> {
  const mount = await ref.mount(job);
  const release = async (): Promise<void> => {
    await mount.release();
    await ref.release();
  };
  const { openDiskFiles } = await import('./disk-files.ts');
  const files = { root: bytesOfText(mount.path), modes: 'exact', excludedBy: () => '' } as const;
  try {
    return await openDiskFiles(job, { ...options, files, release });
  } catch (error) {
    // The caller still has the ref, and releases it.
    await mount.release();
    throw error;
  }
}

const EMPTY = new EntryTree(true);
const NO_FILES: FileTree = {
  ask: async (_job, answer) => answer(EMPTY),
  readAll: async () => undefined,
  read: () => {
    throw new Error('there are no files');
  },
  readSeveral: async () => new Map(),
  release: async () => undefined,
};

function noLayers(): CtxsrcError {
  return new CtxsrcError('E_ATTRIBUTE', '--layer means nothing for a source without layers', {
    hint: 'leave the flag out',
  });
}

/** @throws CtxsrcError `E_USAGE` for a layer that is not there */
export function checkLayer(layer: number, count: number): void {
  if (layer <= count) return;
  throw new CtxsrcError('E_USAGE', `there is no layer ${layer}: the image has ${counted(count, 'layer')}`, {
    hint: 'layers are numbered from the base, which is 1',
  });
}

/**
 * The entries at a path: of a directory what is in it, else the one entry. A link at the end is followed only if a slash
 * comes after it. Paths are from the root of the source, and begin with the one asked for.
 * @throws CtxsrcError `E_PATH_NOT_FOUND`, and those of reading the source
 */
export async function listFiles(
  job: JobContext,
  files: FileTree,
  path: string,
  recursive: boolean,
): Promise<Iterable<ListedEntry>> {
  const asked = componentsOf(path);
  if (asked.length === 0) await files.readAll(job);
  const typed = asked.join('/');
  return files.ask(job, (tree) => {
    const found = there(tree.find(asked, path.endsWith('/')), typed);
    const { node } = found;
    if (node.kind !== 'dir') return [listOne(tree, node, typed)];
    const list = listDirectory(tree, node, recursive);
    if (found.path === typed) return list;
    return Array.from(list, (entry) => ({ ...entry, path: moved(entry.path, found.path, typed) }));
  });
}

/**
 * The content of a file; links are followed.
 * @throws CtxsrcError `E_PATH_NOT_FOUND`, `E_USAGE` for what is no file, and those of reading the source
 */
export async function* readFile(job: JobContext, files: FileTree, path: string): AsyncGenerator<Uint8Array> {
  const asked = componentsOf(path);
  const { node } = await files.ask(job, (tree) => there(tree.find(asked, true), asked.join('/')));
  const shown = printable(path);
  if (node.kind === 'dir') {
    throw new CtxsrcError('E_USAGE', `${shown} is a directory`, { hint: 'ctxsrc ls lists what is in it' });
  }
  const { type } = node.inode;
  if (type !== 'file' && type !== 'hardlink') {
    throw new CtxsrcError('E_USAGE', `${shown} is no file but a ${TYPE_WORDS[type]}`, { hint: 'name a file' });
  }
  yield* files.read(job, node.inode);
}

const TYPE_WORDS = { symlink: 'link', char: 'device', block: 'device', fifo: 'fifo' } as const;

function componentsOf(path: string): string[] {
  return bytesOfText(path)
    .split('/')
    .filter((part) => part !== '' && part !== '.');
}

function moved(path: string, from: string, to: string): string {
  const rest = from === '' ? path : path.slice(from.length + 1);
  return to === '' ? rest : `${to}/${rest}`;
}

function there(found: Lookup, typed: string): FoundNode {
  if (found.node !== undefined) return found;
  const names = [...found.dir.children].filter(([, { kind }]) => kind !== 'gone').map(([name]) => textOfBytes(name));
  const near = closest(textOfBytes(found.missing), names);
  const before = typed.slice(0, Math.max(0, typed.lastIndexOf(found.missing)));
  throw new CtxsrcError('E_PATH_NOT_FOUND', `${printable(textOfBytes(typed))} is not in the source`, {
    hint:
      near === undefined
        ? 'ctxsrc ls shows what is there'
        : `did you mean ${printable(`${textOfBytes(before)}${near}`)}?`,
  });
}
