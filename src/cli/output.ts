/** Writes answers to stdout and messages to stderr. Text from outside is made harmless for a terminal first. */
import { CtxsrcError, isCtxsrcError, localError } from '../core/errors.ts';
import type { ErrorForm } from './error-text.ts';
import type { Io } from './io.ts';

/**
 * Writes an answer and waits until it is passed on; a closed reader is no error.
 * @throws CtxsrcError `E_DISK_FULL`, `E_IO`
 */
export function write(stream: NodeJS.WritableStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error === null || error === undefined || (error as NodeJS.ErrnoException).code === 'EPIPE') resolve();
      else
        reject(
          localError(error, 'cannot write to standard output', 'make room where the output goes, or send it elsewhere'),
        );
    });
  });
}

/** Codes of errors of a file or of this machine, even without a path. */
const LOCAL: ReadonlySet<string | undefined> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EACCES',
  'EPERM',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'EIO',
]);

/** Any failure as a typed error: unknown ones are defects. */
export function asCtxsrcError(error: unknown, signal?: AbortSignal): CtxsrcError {
  if (signal?.aborted === true && isCtxsrcError(signal.reason)) return signal.reason;
  if (isCtxsrcError(error)) return error;
  const failed = error as NodeJS.ErrnoException | undefined;
  if (failed?.syscall === 'uv_cwd') return localError(error, 'the current directory is gone', 'cd /') as CtxsrcError;
  if (failed?.path !== undefined || LOCAL.has(failed?.code)) {
    return localError(error, `cannot ${failed?.syscall ?? 'work on'} ${failed?.path ?? 'a file'}`) as CtxsrcError;
  }
  return new CtxsrcError('E_INTERNAL', `internal error: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
    hint: 'this is a defect of ctxsrc: please report it with the output of the same command with -vv added',
  });
}

/** Writes one error in the form that was asked for. A reader who is gone is no failure. */
export async function writeError(io: Io, error: CtxsrcError, form: ErrorForm): Promise<void> {
  const { errorText } = await import('./error-text.ts');
  await write(io.stderr, await errorText(io, error, form)).catch(() => undefined);
}
