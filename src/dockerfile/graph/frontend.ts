/** Which front end makes the graph. */
import { isCtxsrcError } from '../../core/errors.ts';
import { trimGoSpace } from '../../core/go/text.ts';
import { nameOf, parseNormalizedReference } from '../../oci/reference.ts';
import { dockerfileError } from '../error.ts';
import type { Frontend } from '../parse/instruction.ts';
import type { BuildOptions } from './types.ts';

interface ChosenFrontend {
  readonly source: string;
  /** The whole value. */
  readonly commandLine: string;
}

/**
 * The front end that a build is handed over to: a build argument decides, also one that is not declared, then the file.
 * @param written what the Dockerfile asks for
 * @throws E_DOCKERFILE if none is named where one is asked for
 */
export function chosenFrontend(
  written: Frontend | undefined,
  { buildArgs, fileName }: Pick<BuildOptions, 'buildArgs' | 'fileName'>,
): ChosenFrontend | undefined {
  const given = buildArgs.get('BUILDKIT_SYNTAX');
  if (given === undefined) return written && { source: written.image, commandLine: written.commandLine };
  const [source = ''] = trimGoSpace(given).split(' ', 1);
  if (source !== '') return { source, commandLine: given };
  throw dockerfileError(
    { fileName, line: written?.line ?? 1 },
    'the build argument BUILDKIT_SYNTAX is empty',
    'leave it out',
  );
}

/** True for docker's own front end, in any version: it makes of a Dockerfile what is made here. */
export function isDockersOwn(source: string): boolean {
  try {
    return /^docker\.io\/docker\/dockerfile(?:-upstream)?$/.test(nameOf(parseNormalizedReference(source)));
  } catch (error) {
    if (isCtxsrcError(error)) return false;
    throw error;
  }
}

/** The newest version of docker's own front end that added a flag or an instruction which is read here. */
const RULES = 20;

/** What to say where a tag asks for a version of docker's own front end that has older rules than the ones here. */
export function olderRules(source: string): string | undefined {
  const [, tag = '', minor = ''] = /:(1\.(\d+)[^:/@]*)(?:@|$)/.exec(source) ?? [];
  if (minor === '' || Number(minor) >= RULES) return undefined;
  return `docker/dockerfile:${tag} is read by the rules of 1.${RULES}: what it does not know yet is an error of the build alone`;
}
