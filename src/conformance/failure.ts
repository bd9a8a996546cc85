/** A failure of the source, in the words of a report: never a stack. */
import { isCtxsrcError } from '../core/errors.ts';

/**
 * Code, message and hint of an error; for an error without a code, its class and the line of the author's code that
 * threw it.
 */
export function toldFailure(error: unknown): string {
  if (isCtxsrcError(error)) {
    return `${error.code}: ${error.message}${error.hint === undefined ? '' : `; hint: ${error.hint}`}`;
  }
  if (!(error instanceof Error)) return `it threw ${JSON.stringify(error) ?? String(error)}, which is no Error`;
  const at = placeOf(error);
  return `${error.name}: ${error.message}${at === undefined ? '' : ` (${at})`}; hint: what a user can meet is thrown as a CtxsrcError, with a code, a message and a hint`;
}

/** The first stack frame outside of Node and this package. */
function placeOf(error: Error): string | undefined {
  const own = new URL('.', import.meta.url).href;
  for (const line of (error.stack ?? '').split('\n')) {
    const frame = /(file:\/\/\/[^\s()]+):(\d+):\d+\)?$/.exec(line);
    if (frame !== null && !frame[1]!.startsWith(own)) return `${frame[1]!.split('/').at(-1)} line ${frame[2]}`;
  }
  return undefined;
}
