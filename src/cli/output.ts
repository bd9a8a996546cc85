/** Writing answers to stdout and talk to stderr. Everything that came from outside is made harmless for a terminal first. */
import { CtxsrcError, ioError, isCtxsrcError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { Io } from './io.ts';

/** Writes and waits until the text is handed over; a reader that went away is no error. */
export function write(stream: NodeJS.WritableStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error === null || error === undefined || (error as NodeJS.ErrnoException).code === 'EPIPE') resolve();
      else reject(ioError(error, 'cannot write to standard output'));
    });
  });
}

/** Any failure as a typed error: unknown ones are defects. */
export function asCtxsrcError(error: unknown, signal: AbortSignal): CtxsrcError {
  if (signal.aborted && isCtxsrcError(signal.reason)) return signal.reason;
  if (isCtxsrcError(error)) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (
    code !== undefined &&
    ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EMFILE', 'ENFILE', 'EIO'].includes(code)
  ) {
    const failed = error as NodeJS.ErrnoException;
    return ioError(error, `cannot ${failed.syscall ?? 'work on'} ${failed.path ?? 'a file'}`) as CtxsrcError;
  }
  return new CtxsrcError('E_INTERNAL', `internal error: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
    hint: 'this is a defect of ctxsrc: please report it with the output of the same command with -vv added',
  });
}

/** One error for a person (message, hint; the stack with -vv) or, with --json, as a document. */
export async function writeError(
  io: Io,
  error: CtxsrcError,
  options: { json: boolean; debug: boolean },
): Promise<void> {
  if (options.json) {
    const { code, exit, message, hint, ref, details } = error;
    const document = { schema: 'ctxsrc/v1', error: { code, exit, message, hint, ref, ...details } };
    await write(io.stderr, `${JSON.stringify(document)}\n`);
    return;
  }
  let text = `ctxsrc: ${printable(error.message)}\n`;
  if (error.hint !== undefined) text += `hint: ${printable(error.hint)}\n`;
  if (options.debug) text += `${error.code} (exit ${error.exit})\n${stackOf(error)}\n`;
  await write(io.stderr, text);
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
