/**
 * `ctxsrc export`: an image as an OCI layout with its layers unchanged, or the files of any source as one archive.
 *
 * An archive of files has the same bytes wherever it is made. Entries are in the order of their names' bytes, a
 * directory before its content. Times: files of an image keep theirs; other sources have no times, so they get
 * SOURCE_DATE_EPOCH, or 0; no time is later than SOURCE_DATE_EPOCH. Owners: for root those of the image; for a normal
 * user, and for other sources, 0:0.
 */

import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { lstat, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ImmutableRef, Remote, WriteOptions } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import type { ImageDocuments, SourceInstance } from '../../contract/source.ts';
import type { Store } from '../../contract/store.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../core/digest.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { Task } from '../../core/progress.ts';
import { bytesOfText, fsPath } from '../../fs/byte-string.ts';
import { makeDirectory } from '../../fs/write/make-directory.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { refuseLarger } from '../../image/pull.ts';
import { BLOCK } from '../../layer/tar/header.ts';
import { type ArchiveEntry, writeTar } from '../../layer/tar/writer.ts';
import { REF_NAME } from '../../oci/annotations.ts';
import { MEDIA_TYPE } from '../../oci/media-types.ts';
import { putInPlace } from '../write/put-in-place.ts';
import type { ExportOutput } from './output.ts';

export interface ExportRequest {
  readonly instance: SourceInstance;
  readonly store: Store;
  /** `dest` is absolute, or `-`. */
  readonly output: ExportOutput;
  /** Writes for `-`; awaited, so that a slow reader slows the archive down. */
  readonly write: (chunk: Uint8Array) => Promise<void>;
  /** Only for `tar`. */
  readonly options: WriteOptions;
  /** Name of the image in the layout (`org.opencontainers.image.ref.name`). */
  readonly name?: string | undefined;
}

export interface Exported {
  /** The digest of the archive for `tar`, and of the image's manifest for `oci`. */
  readonly digest: Digest;
  /** Bytes written. */
  readonly size: number;
}

/**
 * Writes the export as a whole or not at all.
 * @throws CtxsrcError `E_USAGE` for `oci` of a source that is not an image, `E_TARGET_EXISTS`, `E_DISK_FULL`, `E_IO`,
 * and errors of fetching and unpacking
 */
export async function exportRef(job: JobContext, request: ExportRequest): Promise<Exported> {
  const { instance, output } = request;
  const ref = await instance.snapshot(job);
  const label = output.dest === '-' ? 'standard output' : basename(output.dest);
  const work = output.type === 'oci' ? exportImage : exportFiles;
  try {
    return await Task.run(job, 'export', label, (task) => work(job, request, ref, task));
  } finally {
    await ref?.release();
  }
}

async function exportFiles(
  job: JobContext,
  request: ExportRequest,
  ref: ImmutableRef | null,
  task: Task,
): Promise<Exported> {
  const { store, output, options } = request;
  if (ref === null) return writeArchive(job, request, [], (bytes) => task.advance(bytes));
  const dir = await store.tempDir();
  try {
    const report = await ref.writeTo(job, dir, options);
    const isImage = (await ref.getRemotes(job, { create: false })).length > 0;
    const user = process.geteuid?.() ?? 0;
    const entries = function* (): Generator<ArchiveEntry> {
      for (const entry of report.entries) {
        const owner = isImage && user === 0 ? {} : { uid: 0, gid: 0 };
        const times = isImage ? {} : { mtime: options.epoch ?? 0, mtimeNs: 0 };
        const path = `${bytesOfText(dir)}/${entry.path}`;
        // The owner may change the mode of an unreadable file, and the copy belongs to this user.
        if (user !== 0 && entry.type === 'file' && (entry.mode & 0o400) === 0) chmodSync(fsPath(path), 0o600);
        if (user !== 0 && entry.type === 'dir') chmodSync(fsPath(path), 0o700);
        yield { ...entry, ...owner, ...times, ...(entry.type === 'file' ? { content: path } : {}) };
      }
    };
    // The size of headers and padding is not known before, but small.
    const expected = report.bytes + BLOCK * report.files;
    const count = (bytes: number): void =>
      task.advance(bytes, { ...(expected > 0 && { part: Math.min(1, bytes / expected) }) });
    return await writeArchive(job, request, entries(), count);
  } catch (error) {
    throw localError(error, `cannot export to ${printable(output.dest)}`);
  } finally {
    await removeTree(dir);
  }
}

async function exportImage(
  job: JobContext,
  request: ExportRequest,
  ref: ImmutableRef | null,
  task: Task,
): Promise<Exported> {
  const { instance, output, name } = request;
  const documents = await instance.image?.(job);
  if (documents === undefined) {
    throw new CtxsrcError('E_USAGE', 'type=oci is for images, and this source is none', { hint: 'use type=tar' });
  }
  await refuseCut(ref, documents);
  const [known] = (await ref?.getRemotes(job, { create: false })) ?? [];
  const layers = (known?.descriptors ?? []).map(({ descriptor }) => descriptor);
  refuseLarger(layers, request.options.limits.maxBytes, documents.manifest.descriptor.digest);
  const [remote] = (await ref?.getRemotes(job, { create: true })) ?? [];
  const blobs = layoutBlobs(job, documents, remote);
  const { digest, mediaType, size } = documents.manifest.descriptor;
  const entry = {
    mediaType,
    digest,
    size,
    ...(name === undefined ? {} : { annotations: { [REF_NAME]: name } }),
  };
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [entry] }));
  const layout = Buffer.from('{"imageLayoutVersion":"1.0.0"}');
  const expected = blobs.reduce((sum, blob) => sum + blob.size, layout.length + index.length);
  const count = (bytes: number): void => task.advance(bytes, { part: Math.min(1, bytes / expected) });
  const written = output.tar
    ? await writeArchive(job, request, layoutEntries(layout, index, blobs, request.options.epoch), count)
    : await writeLayout(job, request, layout, index, blobs, count);
  return { digest, size: written.size };
}

/** The manifest is exported unchanged, so every layer in it is needed. */
async function refuseCut(ref: ImmutableRef | null, { manifest }: ImageDocuments): Promise<void> {
  const { layers } = JSON.parse(Buffer.from(manifest.bytes).toString()) as { layers?: readonly unknown[] };
  const chain = ref?.layerChain() ?? [];
  for (const layer of chain) await layer.release();
  if (chain.length === (layers?.length ?? 0)) return;
  throw new CtxsrcError('E_USAGE', 'an image cut at a layer limit has no manifest of its own', {
    hint: 'leave --layer-limit out, or use type=tar',
  });
}

interface LayoutBlob {
  readonly digest: Digest;
  readonly size: number;
  read(): AsyncIterable<Uint8Array>;
}

/** Configuration, layers and manifest, each once, by digest. */
function layoutBlobs(job: JobContext, { manifest, config }: ImageDocuments, remote: Remote | undefined): LayoutBlob[] {
  const layers = new Map((remote?.descriptors ?? []).map(({ descriptor }) => [descriptor.digest, descriptor]));
  const blobs = new Map<Digest, LayoutBlob>();
  for (const { descriptor, bytes } of [config, manifest]) {
    const read = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
    };
    blobs.set(descriptor.digest, { digest: descriptor.digest, size: bytes.length, read });
  }
  for (const descriptor of layers.values()) {
    const { digest, size } = descriptor;
    blobs.set(digest, { digest, size, read: () => remote!.read(job, descriptor) });
  }
  return [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** The layout as entries of an archive. */
function* layoutEntries(
  layout: Buffer,
  index: Buffer,
  blobs: readonly LayoutBlob[],
  epoch: number | undefined,
): Generator<ArchiveEntry> {
  const common = { uid: 0, gid: 0, mtime: epoch ?? 0, mtimeNs: 0, xattrs: undefined };
  const file = (path: string, size: number, content: ArchiveEntry['content']): ArchiveEntry => {
    return { ...common, path, type: 'file', mode: 0o644, size, content };
  };
  yield file('oci-layout', layout.length, layout);
  yield file('index.json', index.length, index);
  const directory = { ...common, type: 'dir', mode: 0o755, size: 0 } as const;
  yield { ...directory, path: 'blobs' };
  let last = '';
  for (const { digest, size, read } of blobs) {
    const algorithm = digestAlgorithm(digest);
    if (algorithm !== last) yield { ...directory, path: `blobs/${algorithm}` };
    last = algorithm;
    yield file(`blobs/${algorithm}/${digestHex(digest)}`, size, read());
  }
}

/** Writes the layout as a directory. */
async function writeLayout(
  job: JobContext,
  { store, output: { dest } }: ExportRequest,
  layout: Buffer,
  index: Buffer,
  blobs: readonly LayoutBlob[],
  onWritten: (bytes: number) => void,
): Promise<{ size: number }> {
  if ((await readdir(dest).catch(notThere)).length > 0) throw occupied(dest, 'is not empty');
  // Replaces an empty directory, but nothing that appeared there meanwhile.
  return putInPlace(store.records, dest, `cannot export to ${printable(dest)}`, async (part) => {
    let size = layout.length + index.length;
    for (const { digest, read } of blobs) {
      makeDirectory(join(part, 'blobs', digestAlgorithm(digest)));
      const content = observed(job, read(), (chunk) => {
        size += chunk.length;
        onWritten(size);
      });
      await writeFile(join(part, 'blobs', digestAlgorithm(digest), digestHex(digest)), content, NEW_FILE);
    }
    await writeFile(join(part, 'oci-layout'), layout, NEW_FILE);
    await writeFile(join(part, 'index.json'), index, NEW_FILE);
    return { size };
  });
}

/** Writes the entries as one archive, to standard output or to a file that appears when it is complete. */
async function writeArchive(
  job: JobContext,
  { store, output: { dest }, write }: ExportRequest,
  entries: Iterable<ArchiveEntry>,
  onWritten: (bytes: number) => void,
): Promise<Exported> {
  const hash = createHash('sha256');
  let size = 0;
  const archive = observed(job, writeTar(entries), (chunk) => {
    hash.update(chunk);
    size += chunk.length;
    onWritten(size);
  });
  if (dest === '-') {
    for await (const chunk of archive) await write(chunk);
  } else {
    await refuseTaken(dest);
    const what = `cannot export to ${printable(dest)}`;
    await putInPlace(store.records, dest, what, (part) => writeFile(part, archive, NEW_FILE));
  }
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

/** A file that does not exist yet and is synced before it is closed. */
const NEW_FILE = { flag: 'wx', mode: 0o644, flush: true } as const;

/** Passes the pieces on until the job is aborted. */
async function* observed(
  job: JobContext,
  chunks: AsyncIterable<Uint8Array>,
  seen: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    job.signal.throwIfAborted();
    seen(chunk);
    yield chunk;
  }
}

function notThere(error: NodeJS.ErrnoException): never[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

/** Throws if the destination must not be replaced: a directory, a pipe, a device, or a link to a pipe or device. */
async function refuseTaken(dest: string): Promise<void> {
  const there = await lstat(dest).catch(() => undefined);
  if (there === undefined) return;
  if (there.isDirectory()) throw occupied(dest, 'is a directory');
  const behind = await stat(dest).catch(() => undefined);
  const isPlain = behind === undefined || behind.isFile() || behind.isDirectory();
  // `/dev/stdout` may be a link to a file, but replacing the link would affect everybody.
  if (isPlain && !/^\/dev\/(?:std\w+|fd\/\d+)$|^\/proc\//.test(dest)) return;
  throw occupied(dest, 'is no file', 'dest=- writes to standard output');
}

function occupied(dest: string, why: string, hint = 'choose another dest'): CtxsrcError {
  return new CtxsrcError('E_TARGET_EXISTS', `${printable(dest)} exists and ${why}`, { hint });
}
