/** How an error is told. Loaded when there is one. */
import type { CtxsrcError } from '../core/errors.ts';
import { printable, printableJson } from '../core/printable.ts';
import { withoutSecrets } from '../core/without-secrets.ts';
import type { Io } from './io.ts';

export interface ErrorForm {
  readonly json: boolean;
  /** With its code and stack. */
  readonly debug: boolean;
}

/** One error for a person (message, hint; the stack with -vv) or, with --json, as a document. */
export async function errorText(io: Io, error: CtxsrcError, { json, debug }: ErrorForm): Promise<string> {
  const { code, exit, ref, details } = error;
  // Whatever names an address: who typed one in a wrong place shall not find its password in a log.
  const message = withoutSecrets(error.message);
  const hint = error.hint === undefined ? undefined : withoutSecrets(error.hint);
  if (json) {
    const document = { schema: 'ctxsrc/v1', error: { code, exit, message, hint, ref, ...details } };
    return `${printableJson(JSON.stringify(document))}\n`;
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
  if (debug) text += `${code} (exit ${exit})\n${withoutSecrets(stackOf(error))}\n`;
  return text;
}

/** The lines after the message, which the stack repeats: the message may come from outside. */
function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : '';
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line));
  return [`${error.name}: ${error.message}`, ...frames].map(printable).join('\n') + cause;
}
