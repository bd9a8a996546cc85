/** DIR and `-f`: which files a build copies from, and which Dockerfile it reads. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { readNamedFile, readSmallFileSync, streamOf } from '../../fs/small-file.ts';
import { isGitReference } from '../../source/git/reference-form.ts';
import { forgePage } from '../../source/repository-forms.ts';
import type { BuildRequest } from '../answer.ts';
import { isArchive } from './archive.ts';
import type { BuildLine } from './line.ts';
import type { RemoteContext } from './remote.ts';

interface Main extends Pick<BuildRequest, 'context' | 'dockerfile' | 'remote'> {
  readonly notes: readonly string[];
}

/** Fetches a context by its reference. */
export type FetchContext = (ref: string) => Promise<RemoteContext>;

/** The context and the Dockerfile of a build line. */
export async function readMainContext(
  line: BuildLine,
  cwd: string,
  fetch: FetchContext,
  signal?: AbortSignal,
): Promise<Main> {
  const { context: given, file, inline } = line;
  if (file !== undefined && isOnWeb(file)) {
    throw new CtxsrcError('E_USAGE', `the Dockerfile ${shownReference(file)} is on the web`, {
      hint: `pipe it: curl -fsSL ${shellWord(shownReference(file))} | ctxsrc … -f -`,
    });
  }
  if (given === '-') return fromStream(file, signal);
  if (!isDirectory(given, cwd) && (isOnWeb(given) || isGitReference(given))) {
    return fromRemote(await fetch(given), line, cwd, signal);
  }
  const context = contextDirectory(given, cwd);
  if (inline !== undefined) return { context, dockerfile: inlineDockerfile(inline), notes: [] };
  const name = file ?? join(given, 'Dockerfile');
  return { context, dockerfile: await readDockerfile(name, cwd, signal), notes: [] };
}

const isOnWeb = (text: string): boolean => /^https?:\/\//.test(text);

/** `docker build -`: standard input is the Dockerfile of a build without files. */
async function fromStream(file: string | undefined, signal: AbortSignal | undefined): Promise<Main> {
  const dockerfile = await readDockerfile('-', '/', signal);
  if (isArchive(dockerfile.bytes)) {
    throw new CtxsrcError('E_USAGE', 'standard input is an archive: a context is not read from one', {
      hint: 'unpack it into a directory, and give that: tar -x -C DIR; ctxsrc … DIR',
    });
  }
  if (file !== undefined) {
    throw new CtxsrcError('E_USAGE', 'there are two Dockerfiles: one on standard input, and that of -f', {
      hint: 'to read the Dockerfile from standard input and the context from a directory: ctxsrc … -f - DIR',
    });
  }
  return { context: undefined, dockerfile, notes: ['the context is empty: standard input is the Dockerfile'] };
}

/** A Dockerfile with a relative path lies in the remote context, as buildx has it. */
async function fromRemote(
  { context, remote, alone }: RemoteContext,
  { file, inline }: BuildLine,
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<Main> {
  const notes = ['the context is not a directory here: no ignore file applies to it'];
  if (inline !== undefined) return { context, remote, dockerfile: inlineDockerfile(inline), notes };
  if (file !== undefined && (streamOf(file) !== undefined || isAbsolute(file))) {
    return { context, remote, dockerfile: await readDockerfile(file, cwd, signal), notes };
  }
  if (alone !== undefined)
    return { context, remote, dockerfile: { name: 'Dockerfile', bytes: alone, path: undefined }, notes };
  // `..` stops at the top.
  const name = inThisCase(join('/', file ?? 'Dockerfile').slice(1), context!);
  const what = `the Dockerfile ${printable(name)} of the context`;
  const within = realpathSync.native(context!, 'latin1');
  const hint = 'name it with -f FILE, relative to the context; -f - is standard input';
  const bytes = readSmallFileSync(join(context!, name), { what, within, hint });
  return { context, remote, dockerfile: { name, bytes, path: undefined }, notes };
}

/** As one from a stream: no file lies beside it. */
function inlineDockerfile(text: string): BuildRequest['dockerfile'] {
  return { name: 'Dockerfile', bytes: Buffer.from(text), path: undefined };
}

function isDirectory(path: string, cwd: string): boolean {
  return path !== '' && statSync(resolve(cwd, path), { throwIfNoEntry: false })?.isDirectory() === true;
}

function contextDirectory(given: string, cwd: string): string {
  const path = resolve(cwd, given);
  const info = given === '' ? undefined : statSync(path, { throwIfNoEntry: false });
  if (info?.isDirectory()) return path;
  const shown = JSON.stringify(shownReference(given));
  if (info !== undefined) {
    throw new CtxsrcError('E_USAGE', `the build context ${shown} is not a directory`, {
      hint: `for a Dockerfile give -f and its context: -f ${shellWord(given)} ${shellWord(dirname(given))}`,
    });
  }
  const repository = forgePage(`https://${given}`)?.reference;
  throw new CtxsrcError('E_PATH_NOT_FOUND', `the build context ${shown} is no directory here`, {
    hint:
      repository === undefined
        ? 'give the directory whose files the build copies, . for the current one'
        : `for the git repository type ${shellWord(repository)}`,
  });
}

/** `dockerfile`, where there is no `Dockerfile`. */
function inThisCase(name: string, cwd: string): string {
  if (basename(name) !== 'Dockerfile') return name;
  let names: readonly string[];
  try {
    names = readdirSync(dirname(resolve(cwd, name)));
  } catch {
    // Reading the Dockerfile reports it.
    return name;
  }
  return !names.includes('Dockerfile') && names.includes('dockerfile') ? join(dirname(name), 'dockerfile') : name;
}

async function readDockerfile(
  asked: string,
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<BuildRequest['dockerfile']> {
  const stream = streamOf(asked) !== undefined;
  const name = stream ? asked : inThisCase(asked, cwd);
  try {
    const bytes = await readNamedFile(name, { what: `the Dockerfile ${printable(shownReference(name))}`, cwd, signal });
    const path = resolve(cwd, name);
    return stream ? { name: 'Dockerfile', bytes, path: undefined } : { name: shownName(name, cwd), bytes, path };
  } catch (error) {
    if (!stream && isDirectory(name, cwd)) {
      throw new CtxsrcError('E_USAGE', `the Dockerfile ${JSON.stringify(asked)} is a directory`, {
        hint: `name the file in it: -f ${shellWord(join(asked, 'Dockerfile'))}`,
      });
    }
    if (!isCtxsrcError(error, 'E_PATH_NOT_FOUND')) throw error;
    throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no Dockerfile ${JSON.stringify(shownReference(asked))}`, {
      cause: error,
      hint: 'name it with -f FILE, relative to the current directory as with buildx; -f - is standard input',
    });
  }
}

/** A name that a clone in another place has too. */
function shownName(name: string, cwd: string): string {
  if (!isAbsolute(name)) return name;
  const inside = relative(cwd, name);
  return inside.startsWith('..') ? basename(name) : inside;
}
