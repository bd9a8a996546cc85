/**
 * Archives that cannot be read in place, because they are compressed or come from a pipe: they are decompressed into a
 * file of the store first.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext, SourceEnv } from '../../contract/index.ts';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { Task } from '../../core/progress.ts';
import { DEFAULT_MAX_BYTES, maxRatio } from '../../core/read-limits.ts';
import { archiveCompression, decompressArchive } from '../../layer/compress/archive-compression.ts';
import { peek } from '../../layer/compress/peek.ts';

/** The size of a tar header: enough to detect a compression. */
const BEGINNING = 512;

/**
 * Writes the archive into a new file, which is removed when the store is closed at the latest.
 * @param path of the archive, for messages
 * @returns the path of the file
 * @throws CtxsrcError `E_LIMIT` over `--max-bytes`, `E_ARCHIVE_INVALID`, `E_CONFIG` if a program is missing, local I/O
 */
export async function spoolArchive(
  job: JobContext,
  env: Pick<SourceEnv, 'store' | 'limits'>,
  path: string,
  input: AsyncIterable<Buffer>,
): Promise<string> {
  const maxBytes = env.limits?.maxBytes ?? DEFAULT_MAX_BYTES;
  const ratio = maxRatio(env.limits?.maxBytes);
  const target = join(await env.store.tempDir(), 'archive.tar');
  let file: FileHandle | undefined;
  try {
    const out = await open(target, 'wx', 0o600);
    file = out;
    await Task.run(job, 'unpack', path, async (task) => {
      const { first, whole } = await peek(input, BEGINNING);
      let written = 0;
      for await (const chunk of decompressArchive(job.signal, whole, archiveCompression(first), ratio)) {
        job.signal.throwIfAborted();
        written += chunk.length;
        if (written > maxBytes) {
          throw new CtxsrcError('E_LIMIT', `${path} has more than ${maxBytes} bytes, decompressed`, {
            hint: 'if that is meant to be so, raise --max-bytes',
            details: { limit: maxBytes },
          });
        }
        await out.writeFile(chunk);
        task.advance(written);
      }
    });
    return target;
  } catch (error) {
    job.signal.throwIfAborted();
    throw ioError(error, `cannot read ${path}`);
  } finally {
    await file?.close();
  }
}
