/** Which ignore file holds for a directory (`.dockerignore` or another), and files that a person may take for one. */

import { existsSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { type IgnoreLine, parseIgnoreFile } from '../../fs/match/ignore-file.ts';
import { readNamedFile, readSmallFileSync, streamOf } from '../../fs/small-file.ts';
import type { LocalOptions } from './attributes.ts';

export interface IgnoreFile {
  /** For messages; relative to the directory if it is inside. */
  readonly name: string;
  /** Named with `--ignore-file`: it may be anywhere, so messages give the numbers of its lines but not their text. */
  readonly isNamed: boolean;
  readonly lines: readonly IgnoreLine[];
}

export interface IgnoreFileRequest {
  /** The directory, absolute. */
  readonly directory: string;
  readonly options: Pick<LocalOptions, 'ignoreFile' | 'noIgnoreFile' | 'dockerfile'>;
  /** The reference has no name: it is the main context, with the Dockerfile. */
  readonly isMain: boolean;
  readonly signal: AbortSignal;
  /** Reports what BuildKit ignores in silence. */
  readonly note: (text: string, hint: string) => void;
}

/**
 * The ignore file: the one that the user named; else the Dockerfile's own, for the main context; else `.dockerignore`.
 * @throws CtxsrcError `E_PATH_NOT_FOUND` for a named ignore file or Dockerfile that is missing, `E_UNSAFE` for one that
 * is not a regular file or leads out of the directory, `E_LIMIT`, `E_PATTERN`
 */
export async function loadIgnoreFile(request: IgnoreFileRequest): Promise<IgnoreFile | undefined> {
  const { directory, options, isMain, signal } = request;
  if (options.noIgnoreFile) return undefined;
  if (options.ignoreFile !== undefined) {
    const what = `the ignore file ${printable(options.ignoreFile)}`;
    const hint = 'check the path, or leave --ignore-file out';
    const bytes = await readNamedFile(options.ignoreFile, { what, hint, signal });
    return parsed(options.ignoreFile, bytes, true, request);
  }
  // A Dockerfile from a stream has no ignore file of its own.
  if (isMain && (options.dockerfile === undefined || streamOf(options.dockerfile) === undefined)) {
    const dockerfile = options.dockerfile === undefined ? join(directory, 'Dockerfile') : resolve(options.dockerfile);
    if (options.dockerfile !== undefined && !existsSync(dockerfile)) {
      throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no Dockerfile ${printable(options.dockerfile)}`, {
        hint: '--file is taken from the current directory, not from the context',
      });
    }
    const own = read(`${dockerfile}.dockerignore`, request);
    if (own !== undefined) return own;
    noteOther(`${dockerfile}.containerignore`, request);
  }
  noteOther(join(directory, '.containerignore'), request);
  return read(join(directory, '.dockerignore'), request);
}

/** The position of a line, for messages. */
export function placeOfLine({ name, isNamed }: IgnoreFile, { line, pattern }: IgnoreLine): string {
  const place = `${printable(name)} line ${line}`;
  return isNamed ? place : `${place}: ${printable(pattern)}`;
}

function parsed(name: string, bytes: Buffer, isNamed: boolean, { note }: IgnoreFileRequest): IgnoreFile {
  if (bytes.includes(0) || /^(\xff\xfe|\xfe\xff)/.test(bytes.toString('latin1', 0, 2))) {
    note(
      `the ignore file ${printable(name)} is no UTF-8 but seems to be UTF-16: its patterns match nothing`,
      'save it as UTF-8',
    );
  }
  return { name, isNamed, lines: parseIgnoreFile(bytes, printable(name)) };
}

/** A default ignore file, which must not lead out of its directory. */
function read(path: string, request: IgnoreFileRequest): IgnoreFile | undefined {
  const name = shownName(request.directory, path);
  const what = `the ignore file ${printable(name)}`;
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      request.note(`${what} is a directory, and is passed over, as BuildKit does`, 'remove it, or make it a file');
      return undefined;
    }
    const within = realpathSync.native(dirname(path), 'latin1');
    const hint = 'name the file with --ignore-file if it is the right one';
    return parsed(name, readSmallFileSync(path, { what, within, hint }), false, request);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || isCtxsrcError(error, 'E_PATH_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** An ignore file of podman and buildah, which BuildKit does not read. */
function noteOther(path: string, { directory, note }: IgnoreFileRequest): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  const name = printable(shownName(directory, path));
  note(
    `${name} is not read: BuildKit does not know it`,
    `add --ignore-file ${printable(shellWord(relative('', path)))}, or rename it to ${name.replace(/containerignore$/, 'dockerignore')}`,
  );
}

function shownName(directory: string, path: string): string {
  const below = relative(directory, path);
  return below.startsWith('..') ? path : below;
}
