/** What ctxsrc tells of itself: `ctxsrc sources`, `ctxsrc explain`. */
import { count, members, nonEmpty } from '../core/check-options.ts';
import type { SchemeReport } from '../source/list.ts';
import type { CodeExplanation, ExitExplanation } from '../upkeep/explain.ts';
import { PLACE, type PlaceOptions } from './options.ts';
import { withTable } from './place.ts';

/**
 * The schemes that references can have, with their grammar and flags; those of `sources` in the options come last.
 * @throws CtxsrcError `E_SOURCE_MODULE` for a source whose scheme is taken
 */
export async function listSources(options: PlaceOptions = {}): Promise<readonly SchemeReport[]> {
  members(PLACE)(options, '');
  const { listSchemes } = await import('../source/list.ts');
  return withTable(options, listSchemes);
}

/**
 * What an error code means, and what to do about it.
 * @param code of a `CtxsrcError`, in any case, with `E_` or without
 * @throws CtxsrcError `E_USAGE` for a code that is not there
 */
export async function explain(code: string): Promise<CodeExplanation> {
  nonEmpty(code, 'code');
  return (await import('../upkeep/explain.ts')).explainCode(code);
}

/**
 * What an exit code of the command line means, and which error codes end so.
 * @param exit as `CtxsrcError.exit`
 * @throws CtxsrcError `E_USAGE` for one that ctxsrc does not end with
 */
export async function explainExit(exit: number): Promise<ExitExplanation> {
  count(0)(exit, 'exit');
  return (await import('../upkeep/explain.ts')).explainExit(exit);
}
