/** Errors of the graph with the place where they stand. */
import { type ErrorCode, isCtxsrcError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import { dockerfileError } from '../error.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Place } from './types.ts';

/** What a reference or platform of the Dockerfile fails with; other codes tell of the source that it names. */
const WRITTEN_WRONG: readonly ErrorCode[] = ['E_REFERENCE', 'E_PLATFORM_INVALID'];

/** Does the work; what is wrong in it is told with its place. */
export function located<T>(fileName: string, place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withPlace(error, fileName, place);
  }
}

/** The error, told with its place: a problem of the Dockerfile, or of a source that it names. */
export function withPlace(error: unknown, fileName: string, place: Place): unknown {
  const { line } = place;
  const name = shownInstruction(place);
  if (error instanceof DockerfileProblem) {
    return dockerfileError({ fileName, line, instruction: name }, error.message, error.hint);
  }
  if (!isCtxsrcError(error) || error.code === 'E_DOCKERFILE') return error;
  if (WRITTEN_WRONG.includes(error.code)) {
    return dockerfileError({ fileName, line, instruction: name }, error.message, error.hint);
  }
  return error.with({
    message: `${shortened(fileName)}:${line}: ${shortened(name)}: ${error.message}`,
    details: { line },
  });
}

/** As errors name what stands at the place. */
export function shownInstruction({ instruction, onbuildOf }: Place): string {
  return onbuildOf === undefined ? instruction : `ONBUILD ${instruction} of ${onbuildOf}`;
}
