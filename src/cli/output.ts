/** Writes answers to stdout and messages to stderr. Text from outside is made harmless for a terminal first. */
import { CtxsrcError, isCtxsrcError, localError } from '../core/errors.ts';
import { printable, printableJson } from '../core/printable.ts';
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
  if (failed?.syscall === 'uv_cwd') {
    const hint = 'go into a directory that exists: cd /';
    return new CtxsrcError('E_IO', 'the current directory was removed', { cause: error, hint });
  }
  if (failed?.path !== undefined || LOCAL.has(failed?.code)) {
    return localError(error, `cannot ${failed?.syscall ?? 'work on'} ${failed?.path ?? 'a file'}`) as CtxsrcError;
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
  const { code, exit, ref, details } = error;
  // Whatever names an address: who typed one in a wrong place shall not find its password in a log.
  const { withoutSecrets } = await import('../core/without-secrets.ts');
  const message = withoutSecrets(error.message);
  const hint = error.hint === undefined ? undefined : withoutSecrets(error.hint);
  if (options.json) {
    const document = { schema: 'ctxsrc/v1', error: { code, exit, message, hint, ref, ...details } };
    await talk(io, `${printableJson(JSON.stringify(document))}\n`);
    return;
  }
  let text = `ctxsrc: ${printable(message)}\n`;
  if (hint !== undefined) text += `hint: ${printable(hint)}\n`;
  if (io.env.GITHUB_ACTIONS) {
    text = (await import('./ci/workflow-commands.ts')).errorAnnotation({ message, hint, details }, io.env);
  }
  if (io.stderr.isTTY) {
    const { messageLines, screenOf } = await import('./screen.ts');
    text = messageLines(screenOf(io.stderr, io.env, undefined), text);
  }
  if (options.debug) text += `${code} (exit ${exit})\n${withoutSecrets(stackOf(error))}\n`;
  await talk(io, text);
}

/** Ignores errors: the reader may be gone. */
function talk(io: Io, text: string): Promise<void> {
  return write(io.stderr, text).catch(() => undefined);
}

/** The lines after the message, which the stack repeats: the message may come from outside. */
function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : '';
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line));
  return [`${error.name}: ${error.message}`, ...frames].map(printable).join('\n') + cause;
}
