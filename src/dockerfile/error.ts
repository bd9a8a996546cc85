/** Errors of Dockerfiles, with their place. */
import { CtxsrcError } from '../core/errors.ts';
import { shortened } from '../core/printable.ts';
import { DockerfileProblem } from './problem.ts';

export interface ErrorPlace {
  readonly fileName: string;
  readonly line: number;
  /** In upper case; undefined for what belongs to no instruction. */
  readonly instruction?: string | undefined;
}

export function dockerfileError(place: ErrorPlace, message: string, hint?: string): CtxsrcError {
  const instruction = place.instruction === undefined ? '' : `${shortened(place.instruction)}: `;
  return new CtxsrcError('E_DOCKERFILE', `${shortened(place.fileName)}:${place.line}: ${instruction}${message}`, {
    hint,
    details: { line: place.line },
  });
}

/** Runs a part of the reading, and gives the problem that it meets its place. */
export function at<T>(place: ErrorPlace, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DockerfileProblem) throw dockerfileError(place, error.message, error.hint);
    throw error;
  }
}
