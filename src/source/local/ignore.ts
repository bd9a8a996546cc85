/** Which ignore file applies to a directory, and what it says (buildkit-semantics 4.5). */
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type IgnoreLine, parseIgnoreFile } from '../../fs/ignore-file.ts';
import type { LocalOptions } from './attributes.ts';

/** Larger than any list of patterns that a person or a tool writes. */
const MAX_BYTES = 16 << 20;

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
export function loadIgnoreFile(root: string, options: LocalOptions, isMain: boolean): IgnoreFile | undefined {
  if (options.noIgnoreFile) return undefined;
  if (options.ignoreFile !== undefined) {
    const bytes = read(resolve(options.ignoreFile));
    if (bytes === undefined) {
      throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no ignore file ${printable(options.ignoreFile)}`, {
        hint: 'check the path, or leave --ignore-file out',
      });
    }
    return parsed(options.ignoreFile, bytes);
  }
  if (isMain) {
    const dockerfile = options.dockerfile === undefined ? join(root, 'Dockerfile') : resolve(options.dockerfile);
    if (options.dockerfile !== undefined && !existsSync(dockerfile)) {
      throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no Dockerfile ${printable(options.dockerfile)}`, {
        hint: '--file is taken from the current directory, not from the context',
      });
    }
    const own = join(dirname(dockerfile), `${basename(dockerfile)}.dockerignore`);
    const bytes = read(own);
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

/** @param within where a link must not lead out of */
function read(path: string, within?: string): Buffer | undefined {
  try {
    const real = realpathSync(path);
    if (within !== undefined && within !== '/' && !real.startsWith(`${within}/`)) {
      throw new CtxsrcError(
        'E_UNSAFE',
        `the ignore file ${printable(path)} is a link that leads out of the directory`,
        {
          hint: 'name the file with --ignore-file if it is the right one',
        },
      );
    }
    const fd = openSync(real, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (fstatSync(fd).size > MAX_BYTES) {
        throw new CtxsrcError('E_LIMIT', `the ignore file ${printable(path)} is larger than ${MAX_BYTES} bytes`);
      }
      return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw ioError(error, `cannot read ${printable(path)}`);
  }
}
