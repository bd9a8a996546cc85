/** Which ignore file applies to a directory, and what it says (buildkit-semantics 4.5). */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type IgnoreLine, parseIgnoreFile } from '../../fs/ignore-file.ts';
import { readNamedFile, readSmallFileSync, streamOf } from '../../fs/small-file.ts';
import type { LocalOptions } from './attributes.ts';

export interface IgnoreFile {
  /** As it is shown, relative to the directory where it lies in it. */
  readonly name: string;
  readonly lines: readonly IgnoreLine[];
}

/**
 * The ignore file: the one that is named; else the Dockerfile's own, for the main context; else `.dockerignore`.
 * @param root the directory, resolved
 * @param isMain the reference has no name: it is the context that a Dockerfile belongs to
 * @throws CtxsrcError `E_PATH_NOT_FOUND` for an ignore file or a Dockerfile that is named and missing, `E_UNSAFE` for one that leads out of the
 * directory, `E_LIMIT`, `E_PATTERN`
 */
export async function loadIgnoreFile(
  root: string,
  options: LocalOptions,
  isMain: boolean,
  signal: AbortSignal,
): Promise<IgnoreFile | undefined> {
  if (options.noIgnoreFile) return undefined;
  if (options.ignoreFile !== undefined) {
    const what = `the ignore file ${printable(options.ignoreFile)}`;
    const hint = 'check the path, or leave --ignore-file out';
    return parsed(options.ignoreFile, await readNamedFile(options.ignoreFile, { what, hint, signal }));
  }
  // A Dockerfile that is read from a stream has no ignore file of its own.
  if (isMain && (options.dockerfile === undefined || streamOf(options.dockerfile) === undefined)) {
    const dockerfile = options.dockerfile === undefined ? join(root, 'Dockerfile') : resolve(options.dockerfile);
    if (options.dockerfile !== undefined && !existsSync(dockerfile)) {
      throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no Dockerfile ${printable(options.dockerfile)}`, {
        hint: '--file is taken from the current directory, not from the context',
      });
    }
    const own = join(dirname(dockerfile), `${basename(dockerfile)}.dockerignore`);
    const bytes = read(own, dirname(dockerfile));
    if (bytes !== undefined) return parsed(shownName(root, own), bytes);
  }
  const bytes = read(join(root, '.dockerignore'), root);
  return bytes === undefined ? undefined : parsed('.dockerignore', bytes);
}

function parsed(name: string, bytes: Buffer): IgnoreFile {
  return { name, lines: parseIgnoreFile(bytes, printable(name)) };
}

function shownName(root: string, path: string): string {
  const below = relative(root, path);
  return below.startsWith('..') ? path : below;
}

/** @param directory where a link must not lead out of */
function read(path: string, directory: string): Buffer | undefined {
  try {
    return readSmallFileSync(path, {
      what: `the ignore file ${printable(path)}`,
      within: realpathSync.native(directory),
      hint: 'name the file with --ignore-file if it is the right one',
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || isCtxsrcError(error, 'E_PATH_NOT_FOUND')) return undefined;
    throw error;
  }
}
