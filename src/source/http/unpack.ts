/**
 * Unpacks an archive (tar, plain or compressed by gzip, zstd, xz or bzip2; zip) through the applier of layers, which
 * writes nothing outside the directory. Leading directories are stripped from names on request.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { JobContext, WriteOptions, WriteReport } from '../../contract/index.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import { Task } from '../../core/progress.ts';
import { shortenedBytes } from '../../fs/byte-string.ts';
import { PathFilter } from '../../fs/match/path-filter.ts';
import { LayerApplier } from '../../layer/apply/apply.ts';
import { packEntries, unpackReport } from '../../layer/apply/report.ts';
import { archiveCompression, decompressArchive } from '../../layer/compress/archive-compression.ts';
import { BLOCK, parseHeader } from '../../layer/tar/header.ts';
import { type TarHandler, TarReader } from '../../layer/tar/reader.ts';
import { readZip } from './zip.ts';
import { endsAsZip } from './zip-directory.ts';

export interface ArchiveToUnpack {
  readonly from: string;
  /** Label of the progress. */
  readonly label: string;
  /** Number of leading directories to strip from names. */
  readonly strip: number;
}

/**
 * Unpacks the archive in the file `from` into `dir`, an empty directory. After a failure the directory is incomplete,
 * and the caller removes it. Errors: `E_ARCHIVE_INVALID`, `E_UNSAFE`, `E_LIMIT`, `E_PATH_NOT_FOUND` (subpath), those of
 * local I/O.
 */
export async function unpackArchive(
  job: JobContext,
  { from, label, strip }: ArchiveToUnpack,
  dir: string,
  options: WriteOptions,
): Promise<WriteReport> {
  // Entries are filtered before they are written, so the applier needs no filter.
  const applier = new LayerApplier(dir, { ...options, filter: undefined, whiteouts: false });
  try {
    await Task.run(job, 'unpack', label, async (task) => {
      const filter = new PathFilter(options.filter);
      let found = false;
      const selector = selecting(applier, strip, filter, () => {
        found = true;
      });
      applier.beginLayer();
      const { size } = await stat(from);
      const onRead = (bytes: number): void =>
        task.advance(applier.bytes, { files: applier.entries, ...(size === 0 ? {} : { part: bytes / size }) });
      await readArchive(job.signal, from, selector, options.limits.maxRatio, onRead);
      applier.endLayer();
      if (filter.subpath !== '' && !found) {
        throw new CtxsrcError('E_PATH_NOT_FOUND', `${filter.subpath} is not in the archive`);
      }
      applier.finish();
    });
    const { losses, counts } = applier.losses;
    return unpackReport({ ...packEntries(applier.root, applier.digests), losses, lossCounts: counts });
  } catch (error) {
    job.signal.throwIfAborted();
    throw localError(error, 'cannot unpack the archive');
  } finally {
    applier.close();
  }
}

async function readArchive(
  signal: AbortSignal,
  from: string,
  handler: TarHandler,
  maxRatio: number,
  onRead: (bytes: number) => void,
): Promise<void> {
  const start = await firstBytes(from);
  if (start.subarray(0, 4).equals(ZIP_FILE) || start.subarray(0, 4).equals(ZIP_EMPTY))
    return readZip(signal, from, handler, maxRatio, onRead);
  const isTar = start.length >= 512 && start.toString('latin1', 257, 262) === 'ustar';
  const compression = archiveCompression(start);
  const isKnown = isTar || compression !== 'none' || isOldTar(start) || start.every((byte) => byte === 0);
  if (!isKnown) {
    if (await endsAsZip(from)) return readZip(signal, from, handler, maxRatio, onRead);
    if (/^\s*<(?:!doctype|html)/i.test(start.toString('latin1'))) {
      throw new CtxsrcError('E_ARCHIVE_INVALID', 'the file is no archive but a page (HTML)', {
        hint: 'check the address: what answers there is a page to log in, to download from, or of an error',
      });
    }
    throw new CtxsrcError('E_ARCHIVE_INVALID', 'the file is no archive that can be unpacked', {
      hint: 'unpacked are tar, tar.gz, tar.zst, tar.xz, tar.bz2 and zip; without --unpack the file is written as it is',
    });
  }
  const input = createReadStream(from, { highWaterMark: 256 * 1024, signal });
  const reader = new TarReader(handler);
  const content = decompressArchive(signal, input, compression, maxRatio);
  for await (const chunk of content) {
    signal.throwIfAborted();
    reader.push(chunk);
    onRead(input.bytesRead);
  }
  reader.finish();
}

const ZIP_FILE = Buffer.from('PK\x03\x04', 'latin1');
const ZIP_EMPTY = Buffer.from('PK\x05\x06', 'latin1');

/** A tar from before POSIX has no magic, but a correct checksum in its first header. */
function isOldTar(start: Buffer): boolean {
  try {
    parseHeader(start);
    return start.length >= BLOCK;
  } catch {
    return false;
  }
}

async function firstBytes(from: string): Promise<Buffer> {
  const file = await open(from, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Passes on the selected entries under their new names; `found` is called for each at or below the subpath. */
function selecting(applier: LayerApplier, strip: number, filter: PathFilter, found: () => void): TarHandler {
  let passing = false;

  function placeOf(name: string): string | undefined {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) {
      const message = `the archive has the name ${JSON.stringify(shortened(name))}, which leads out of it`;
      throw new CtxsrcError('E_UNSAFE', message);
    }
    if (parts.length <= strip) return undefined;
    const place = filter.writtenPath(parts.slice(strip).join('/'));
    if (place === undefined) return undefined;
    found();
    return place === '' || !filter.wants(place) ? undefined : place;
  }

  return {
    entry(entry) {
      // The name of the whole archive is not a file, as in GNU tar.
      const name = entry.type === 'label' ? undefined : placeOf(entry.name);
      passing = name !== undefined;
      if (name === undefined) return;
      if (entry.type !== 'hardlink') {
        applier.entry({ ...entry, name });
        return;
      }
      const linkName = placeOf(entry.linkName);
      if (linkName === undefined) {
        const what = `the hard link ${JSON.stringify(shortenedBytes(entry.name))}`;
        throw new CtxsrcError('E_ARCHIVE_INVALID', `${what} leads to something that is not written`, {
          hint: 'write more of the archive: widen --include, --subpath or --strip-components',
        });
      }
      applier.entry({ ...entry, name, linkName });
    },
    data(chunk, offset) {
      if (passing) applier.data(chunk, offset);
    },
    fileEnd() {
      if (passing) applier.fileEnd();
    },
  };
}
