/** How files get from the store into a directory, and errors for methods that the file systems do not support. */
import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WriteOptions } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import { shortDigest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import type { CloneSpec } from './clone-spec.ts';

/**
 * The method for cloning into `dir`.
 * @param sample one of the files
 */
export async function chooseMethod(
  sample: string | Buffer,
  dir: string,
  mode: WriteOptions['mode'],
): Promise<CloneSpec['how']> {
  if (mode === 'hardlink' || mode === 'copy' || mode === 'reflink') return mode;
  const probe = join(dir, `.ctxsrc-probe-${process.pid}`);
  try {
    await copyFile(sample, probe, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return 'reflink';
  } catch {
    return 'copy';
  } finally {
    await removeFile(probe);
  }
}

/** The error if the file systems do not support the requested method. */
export function methodError(error: Error, mode: WriteOptions['mode']): Error {
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (mode === 'hardlink' && code === 'EXDEV') {
    return new CtxsrcError(
      'E_IO',
      'the target is on another file system than the cache, so files cannot be hard-linked',
      {
        hint: 'use --mode copy, or a --cache-dir on the file system of the target',
        cause: error,
      },
    );
  }
  if (mode === 'reflink' && ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOTTY', 'ENOSYS'].includes(code)) {
    return new CtxsrcError('E_IO', 'the file system of the target and the cache cannot share blocks (reflink)', {
      hint: 'use --mode copy',
      cause: error,
    });
  }
  return error;
}

/** Notes that hard-linked files must not be written to. */
export function noteSharing(job: JobContext, id: string): void {
  job.progress.emit({
    type: 'message',
    level: 'note',
    text: `the files of ${shortDigest(id)} are hard links into the cache: writing to them would change later snapshots`,
    hint: 'treat the directory as read-only; ctxsrc cache verify finds files that were written to',
  });
}
