/**
 * Names and references of contexts from build descriptions: bake files (JSON) and compose files. The result is what
 * `docker buildx bake --print` prints for the file; a file that needs evaluation is refused, with the command that
 * evaluates it.
 */
import { basename, dirname, extname, relative } from 'node:path';
import { type Fail, parseDescription } from '../../build/bake/description.ts';
import { selectedTargets } from '../../build/bake/selected-targets.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { isObject } from '../../core/is-object.ts';
import { shortened } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { isGitReference } from '../../source/git/reference-form.ts';
import { composeContexts } from './compose-file.ts';
import type { FoundContext } from './found-context.ts';
import { isContextName } from './lock.ts';

/** Limit of a file in bytes: bake and compose write smaller ones, and parsing this many takes a second. */
export const MAX_DESCRIPTION_BYTES = 1 << 20;

/** Contexts by name, and the names whose values refer to something inside the build. */
export interface NamedContexts {
  /** References relative to the current directory. */
  readonly contexts: ReadonlyMap<string, string>;
  readonly skipped: readonly string[];
}

/**
 * True for a Dockerfile: by its name, where that is not one of bake or compose; of what is piped, by its first word.
 * @param path its last part is `-` for standard input
 */
export function isDockerfile(path: string, text: string): boolean {
  if (basename(path) !== '-') return !/^\.(?:hcl|json|ya?ml)$/i.test(extname(path));
  return /^(?:\s*(?:#.*)?\n)*\s*(?:FROM|ARG)\s/i.test(text.replace(/^\ufeff/, ''));
}

/**
 * Parses a file by its name and content.
 * @param path absolute, as `cwd`; its last part is `-` for standard input
 * @throws E_CONFIG with the position and what to type instead
 */
export async function readNamedContexts(path: string, text: string, cwd: string): Promise<NamedContexts> {
  const shown = shellWord(relative(cwd, path) || '.');
  const piped = basename(path) === '-';
  const bake: Fail = failure(shown, piped ? PIPED : evaluated('bake', `docker buildx bake -f ${shown} --print`));
  const extension = extname(path).toLowerCase();
  if (extension === '.hcl') return bake('HCL is for bake to read');
  // Data from a pipe has no name.
  if (extension === '.json' || (piped && text.trimStart().startsWith('{'))) {
    const document = await parseDescription(text, bake, true);
    if (!isObject(document) || !isObject(document.target)) return bake('it has no targets');
    return collect(bakeContexts(document, bake), bake);
  }
  const compose: Fail = failure(shown, piped ? PIPED : evaluated('compose', `docker compose -f ${shown} config`));
  const document = await parseDescription(text, compose, false);
  if (!isObject(document) || (document.services === undefined && document.include === undefined)) {
    return failure(shown, NO_COMPOSE_FILE)('it has no services');
  }
  return collect(inOneDirectory(composeContexts(document, compose), path, cwd), compose);
}

const evaluated = (by: string, command: string): string => `let ${by} evaluate it: ${command} | ctxsrc lock --from -`;

const PIPED = 'pipe what is evaluated: the output of docker buildx bake --print, or of docker compose config';

/** For a file that is not a build description. */
const NO_COMPOSE_FILE =
  'a compose file has services, a bake file ends in .hcl or .json; a file of another name is read as a Dockerfile';

const failure = (shown: string, hint: string): Fail => {
  return (what) => {
    throw new CtxsrcError('E_CONFIG', `cannot read contexts from ${shown}: ${shortened(what)}`, { hint });
  };
};

/** The contexts of the default targets, and of those that they are built from. */
function bakeContexts(document: Readonly<Record<string, unknown>>, fail: Fail): FoundContext[] {
  return selectedTargets(document, [], fail).flatMap(({ name: target, contexts }) =>
    [...contexts].map(([name, value]) => ({ where: `the target ${target}`, name, value })),
  );
}

/** compose resolves a path from the file's directory, bake from the current one: they have to be the same. */
function inOneDirectory(found: readonly FoundContext[], path: string, cwd: string): readonly FoundContext[] {
  const folder = dirname(path);
  const ambiguous = folder === cwd ? undefined : found.find(({ value }) => isRelativePath(value));
  if (ambiguous === undefined) return found;
  const [here, there] = [shellWord(relative(cwd, folder) || '.'), shellWord(relative(folder, cwd) || '.')];
  const file = shellWord(relative(folder, path) || '.');
  return failure(
    shellWord(relative(cwd, path) || '.'),
    `read it where it lies: (cd ${here} && ctxsrc lock --lock ${there}/ctxsrc.lock --from ${file})`,
  )(
    `the context ${ambiguous.name} of ${ambiguous.where} is ${ambiguous.value}, which docker compose reads from where the file lies, and bake from the current directory`,
  );
}

function collect(found: readonly FoundContext[], fail: Fail): NamedContexts {
  const contexts = new Map<string, string>();
  const skipped = new Set<string>();
  for (const { where, name, value } of found) {
    if (!isContextName(name)) return fail(`${where} has a context named ${JSON.stringify(name)}`);
    const reference = /^(?:target|input|service):/.test(value) ? undefined : referenceOf(value);
    const earlier = contexts.get(name);
    if ((earlier !== undefined && earlier !== reference) || (reference !== undefined && skipped.has(name))) {
      return fail(`the context ${name} of ${where} is ${value}, and something else in another place`);
    }
    if (reference === undefined) skipped.add(name);
    else contexts.set(name, reference);
  }
  return { contexts, skipped: [...skipped] };
}

/**
 * A value as a reference of this program: without a scheme it is a path, and `cwd://` is the directory where bake is
 * run.
 */
function referenceOf(value: string): string {
  const path = value.startsWith('cwd://') ? value.slice('cwd://'.length) : value;
  if (path === value && !isRelativePath(value)) return value;
  return /^(?:\/|\.{1,2}(?:\/|$))/.test(path) ? path : `./${path}`;
}

/** True for a path that is not absolute. `github.com/…`, which may be git or a path, is left to the parser. */
function isRelativePath(value: string): boolean {
  return !/^(?:\/|github\.com\/|\w+::|[A-Za-z][A-Za-z0-9+.-]*:)/.test(value) && !isGitReference(value);
}
