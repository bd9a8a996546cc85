/** `--build-context NAME=VALUE`, read as buildx reads it. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { contextName, imageOf, referenceOfContext } from '../../source/foreign-forms.ts';
import { splitPair } from './pairs.ts';

/**
 * References by familiar name without `:latest`, as BuildKit looks names up; the last of a name counts. Directories
 * are absolute.
 */
export function readNamedContexts(texts: readonly string[], cwd: string): Map<string, string> {
  const contexts = new Map<string, string>();
  for (const text of texts) {
    if (text === '') continue;
    const [given, value] = splitPair('--build-context', text);
    if (value === undefined) throw refuse(text, 'it takes NAME=REF');
    const name = lookedUpName(given);
    if (name === undefined)
      throw refuse(text, `${JSON.stringify(shownReference(given))} can be no name of an image or stage`);
    contexts.set(name, located(name, value, cwd));
  }
  return contexts;
}

/** NAME, or NAME::PLATFORM for the build of one platform. */
function lookedUpName(given: string): string | undefined {
  const [name = '', platform] = given.split('::', 2);
  const familiar = contextName(name);
  return familiar === undefined || platform === undefined ? familiar : `${familiar}::${platform}`;
}

/** The reference of a value, a path made absolute. */
export function located(name: string, value: string, cwd: string): string {
  if (value.startsWith('target:')) throw refuse(value, 'only a bake file has targets');
  return referenceOfContext(value, cwd) ?? directory(name, value, cwd);
}

function directory(name: string, value: string, cwd: string): string {
  const path = resolve(cwd, value);
  const what = `the directory ${printable(shownReference(value))} of --build-context ${printable(name)}`;
  try {
    if (statSync(path).isDirectory()) return path;
  } catch (error) {
    throw ioError(
      error,
      `cannot read ${what}`,
      `a directory's path is relative to the current one; for an image write ${shellWord(`${name}=${imageOf(shownReference(value))}`)}`,
    );
  }
  throw new CtxsrcError('E_USAGE', `${what} is a file`, { hint: 'name the directory that holds it' });
}

function refuse(text: string, why: string): CtxsrcError {
  return new CtxsrcError('E_USAGE', `--build-context ${JSON.stringify(shownReference(text))} is not valid: ${why}`, {
    hint: `for instance --build-context base=${imageOf('alpine:3.20')}, or --build-context docs=./docs`,
  });
}
