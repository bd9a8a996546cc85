/** What the error codes and exit codes mean: what `ctxsrc explain` prints. */
import { closest } from '../core/closest.ts';
import { CtxsrcError, ERROR_EXITS, type ErrorCode, EXIT_MEANINGS } from '../core/errors.ts';
import { EXPLANATIONS, type Explanation } from './explanations.ts';

/** What an error code means, and what to do about it. */
export interface CodeExplanation extends Explanation {
  /** The code. */
  readonly code: ErrorCode;
  /** The exit code of the command line. */
  readonly exit: number;
}

/** What an exit code of the command line means. */
export interface ExitExplanation {
  /** The exit code. */
  readonly exit: number;
  /** In a few words. */
  readonly meaning: string;
  /** The error codes that end so. */
  readonly codes: readonly ErrorCode[];
}

/**
 * Explains an error code.
 * @param text the code in any case, `E_` may be left out
 * @throws E_USAGE for one that is not there
 */
export function explainCode(text: string): CodeExplanation {
  const name = text.toUpperCase();
  const code = (name.startsWith('E_') ? name : `E_${name}`) as ErrorCode;
  if (Object.hasOwn(EXPLANATIONS, code)) return { code, exit: ERROR_EXITS[code], ...EXPLANATIONS[code] };
  const similar = closest(code, Object.keys(EXPLANATIONS));
  throw new CtxsrcError('E_USAGE', `there is no error code ${JSON.stringify(text)}`, {
    hint: similar === undefined ? 'ctxsrc explain lists them all' : `type ctxsrc explain ${similar}`,
  });
}

/**
 * Explains an exit code.
 * @throws E_USAGE for one that ctxsrc does not end with
 */
export function explainExit(exit: number): ExitExplanation {
  const meaning = EXIT_MEANINGS[exit];
  if (meaning === undefined) {
    throw new CtxsrcError('E_USAGE', `ctxsrc never ends with the exit code ${exit}`, {
      hint: `its exit codes are ${Object.keys(EXIT_MEANINGS).join(', ')}`,
    });
  }
  const codes = Object.entries(ERROR_EXITS).flatMap(([code, of]) => (of === exit ? [code as ErrorCode] : []));
  return { exit, meaning, codes };
}
