/** What the ignore file leaves out of a local context of a build; which file that is says `source/local/find-ignore-file.ts`. */
import { isAbsolute } from 'node:path';
import type { JobContext } from '../contract/index.ts';
import { PatternMatcher, type PlaceOf } from '../fs/match/patterns.ts';
import { loadIgnoreFile, placeOfLine } from '../source/local/find-ignore-file.ts';
import type { BuildRequest } from './answer.ts';

/** What is left out of a context, and who says so. */
export interface ContextIgnores {
  /** The file for messages, relative to the context or as the Dockerfile was named; undefined: there is none. */
  readonly name: string | undefined;
  readonly exclude: readonly string[];
  /** The position of a pattern, for messages. */
  readonly excludedBy: PlaceOf;
}

/**
 * For the main context the ignore file of the Dockerfile, and `.dockerignore` only where there is none; for a named
 * context its own `.dockerignore`.
 * @param directory the context, absolute
 * @param dockerfile of the main context; undefined for a named one
 * @throws CtxsrcError as `loadIgnoreFile`, and `E_PATTERN`
 */
export async function contextIgnores(
  job: JobContext,
  directory: string,
  dockerfile: Pick<BuildRequest['dockerfile'], 'name' | 'path'> | undefined,
): Promise<ContextIgnores> {
  const file = await loadIgnoreFile({
    directory,
    // A Dockerfile from a stream has no files beside it.
    options: { ignoreFile: undefined, noIgnoreFile: false, dockerfile: dockerfile?.path ?? '-' },
    isMain: dockerfile !== undefined,
    signal: job.signal,
    note: (text, hint) => job.progress.emit({ type: 'message', level: 'note', text, hint }),
  });
  if (file === undefined) return { name: undefined, exclude: [], excludedBy: () => 'no ignore file' };
  // Only the Dockerfile's own can lie outside the context.
  const name = isAbsolute(file.name) ? `${dockerfile!.name}.dockerignore` : file.name;
  const exclude = file.lines.map(({ pattern }) => pattern);
  const excludedBy: PlaceOf = (index) => placeOfLine({ ...file, name }, file.lines[index]!);
  // A bad pattern fails a build even if nothing is copied.
  new PatternMatcher(exclude, excludedBy);
  return { name, exclude, excludedBy };
}
