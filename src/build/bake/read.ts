/** A build description, by its file or from standard input, made into targets. */
import { basename, dirname, extname, relative, resolve } from 'node:path';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { isObject } from '../../core/is-object.ts';
import { printable, shortened } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { readNamedFile, streamOf } from '../../fs/small-file.ts';
import type { Environment } from '../request/line.ts';
import { isTrue } from '../request/pairs.ts';
import { type Fail, parseDescription } from './description.ts';
import { bakePrint, findBuildx } from './evaluate.ts';
import { selectedTargets } from './selected-targets.ts';
import { type BakeTarget, bakeTarget } from './target.ts';

/** Limit of a file in bytes: bake and compose write smaller ones, and parsing this many takes a second. */
const MAX_DESCRIPTION_BYTES = 1 << 20;

export interface BakeFile {
  /** As the user named it, without secrets; `-` for standard input. */
  readonly name: string;
  /** In the order of the file. */
  readonly targets: readonly BakeTarget[];
  /** Absolute: where relative paths start from. */
  readonly folder: string;
  /** buildx has evaluated the file: what the environment gives is in the targets. */
  readonly evaluated: boolean;
  /** The targets were piped: the environment they were made in is not this one. */
  readonly piped: boolean;
}

export interface ReadBakeOptions {
  readonly cwd: string;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads the targets for names of targets and groups, the default ones without names. A file that needs evaluation is
 * handed to buildx; JSON on standard input is taken as it is.
 * @throws E_CONFIG with what to type instead, and the errors of reading the file
 */
export async function readBakeFile(
  from: string,
  names: readonly string[],
  { cwd, env, signal }: ReadBakeOptions,
): Promise<BakeFile> {
  // A URL there would be a bake file on the web.
  const odd = names.find((name) => !/^[\w*?]+([\w*?.-]*)$/.test(name));
  if (odd !== undefined) {
    throw new CtxsrcError('E_USAGE', `${JSON.stringify(shownReference(odd))} is no name of a target or group`, {
      hint: 'with --from the arguments are names of targets: the file says where their contexts lie',
    });
  }
  const piped = streamOf(from) !== undefined;
  const name = piped ? '-' : shownReference(from);
  const path = resolve(cwd, from);
  const folder = !piped && isTrue(env.BUILDX_BAKE_FILE_RELATIVE_PATHS) ? dirname(path) : cwd;
  const text = (
    await readNamedFile(from, { what: printable(name), maxBytes: MAX_DESCRIPTION_BYTES, cwd, signal })
  ).toString('utf8');
  const extension = extname(from).toLowerCase();
  const isJson = piped ? text.trimStart().startsWith('{') : extension === '.json';
  const file = { name, folder, piped };
  const buildx = findBuildx(env);
  if (isJson) {
    try {
      return { ...file, targets: await literalTargets(text, names, failure(name, piped)), evaluated: false };
    } catch (error) {
      // buildx knows what is not plain, and says better what is wrong.
      if (piped || buildx === undefined || !isCtxsrcError(error, 'E_CONFIG')) throw error;
    }
  }
  if (!piped && /^(?:dockerfile|containerfile)|\.(?:dockerfile|containerfile)$/i.test(basename(from))) {
    throw new CtxsrcError('E_USAGE', `${printable(name)} is a Dockerfile: --from takes a bake or compose file`, {
      hint: `leave --from out: -f ${shellWord(from)}`,
    });
  }
  if (buildx === undefined) {
    throw new CtxsrcError(
      'E_CONFIG',
      `${printable(name)} is for buildx to evaluate, and buildx is not installed here`,
      {
        hint: `install docker buildx, or pipe what it prints: ${evaluating(name)}`,
      },
    );
  }
  // The variable would make new versions change the paths that old ones leave.
  const { BUILDX_BAKE_FILE_RELATIVE_PATHS: _, ...rest } = env;
  const where = { file: piped ? '-' : relative(folder, path) || '.', folder, env: rest };
  try {
    const printed = await bakePrint(buildx, { ...where, ...(piped ? { text } : {}), names, signal });
    return { ...file, targets: await literalTargets(printed, [], failure(name, piped)), evaluated: true };
  } catch (error) {
    throw isCtxsrcError(error) ? error.with({ message: `${printable(name)}: ${error.message}` }) : error;
  }
}

async function literalTargets(text: string, names: readonly string[], fail: Fail): Promise<BakeTarget[]> {
  const document = await parseDescription(text, fail, true);
  if (!isObject(document) || !isObject(document.target)) return fail('it has no targets');
  return selectedTargets(document, names, fail).map((target) => bakeTarget(target, fail));
}

function failure(name: string, piped: boolean): Fail {
  const hint = piped
    ? 'pipe what is evaluated: the output of docker buildx bake --print'
    : `let buildx evaluate it: ${evaluating(name)}`;
  return (what) => {
    throw new CtxsrcError('E_CONFIG', `cannot read targets from ${printable(name)}: ${shortened(what)}`, { hint });
  };
}

const evaluating = (name: string): string =>
  `docker buildx bake -f ${shellWord(name)} --print | ctxsrc inputs --from -`;
