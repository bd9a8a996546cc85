/**
 * Splits the text of a user into scheme and rest. Only the form is parsed here; each source parses its own grammar. The
 * file system is asked only whether a bare word is a directory.
 */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SchemeRef } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import { withoutUser } from '../core/shown-reference.ts';
import { isGitReference } from './git/reference-form.ts';
import { bareWordHint, fileHint, otherToolsForm, packageUrlForm } from './other-tools.ts';
import { forgePage, packageManagerForm } from './repository-forms.ts';

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//;

/**
 * Splits a reference: `NAME=REF`, `SCHEME://REST`, a path, or a bare word that is a directory. Throws `E_REFERENCE`
 * with what to type instead; never guesses a form that would use the network.
 * @param cwd the directory of bare words
 */
export function parseReference(text: string, cwd = '.'): SchemeRef {
  if (text === '') {
    throw refused('the reference is empty', 'for the current directory type: ctxsrc key .');
  }
  if (text.includes('\0')) throw refused('the reference contains a NUL character');
  // Before the name is split off: a package URL may contain "=", and its "@" follows no user.
  const inPackages = packageUrlForm(text.slice(text.indexOf('=pkg:') + 1));
  if (inPackages !== undefined) throw refused(`${text} ${inPackages.what}`, inPackages.hint);
  const { name, value } = splitName(text);
  if (value === '') {
    const example = `for instance ${shellWord(`${name}=docker-image://alpine:3.20`)}`;
    throw refused(
      `the reference of the name ${JSON.stringify(name)} is empty`,
      `write ${shellWord(`${name}=REF`)}, ${example}`,
    );
  }
  return { ...splitScheme(value, cwd), text, ...(name === undefined ? {} : { name }) };
}

/** `NAME=REF`: NAME holds no `://` and does not start with `.` or `/`. */
function splitName(text: string): { name?: string; value: string } {
  const equals = text.indexOf('=');
  if (equals <= 0) return { value: text };
  const name = text.slice(0, equals);
  if (name.includes('://') || name.startsWith('.') || name.startsWith('/') || /\s/.test(name)) return { value: text };
  return { name, value: text.slice(equals + 1) };
}

/** A git reference has many spellings and one source: the whole text is passed on. */
function splitScheme(value: string, cwd: string): { scheme: string; rest: string } {
  const meant = packageManagerForm(value);
  if (meant !== undefined) {
    throw refused(`${value} is a package manager's way to name a git repository`, `type ${shellWord(meant)}`);
  }
  if (isGitReference(value)) return { scheme: 'git', rest: value };
  const scheme = SCHEME.exec(value)?.[1];
  if (scheme === 'cwd') {
    const here = `here that is ${shellWord(`./${value.slice('cwd://'.length)}`)}`;
    throw refused(`${value} is what bake calls a directory where it is run`, here);
  }
  if (scheme !== undefined) return { scheme, rest: value.slice(scheme.length + 3) };
  if (isPath(value)) return { scheme: 'local', rest: value };
  const other = otherToolsForm(withoutUser(value));
  if (other !== undefined) throw refused(`${withoutUser(value)} ${other.what}`, other.hint);
  if (/^(target|input):/.test(value)) {
    throw refused(
      `${value} names something inside a build, not a source`,
      'only a builder can resolve target: and input: values; leave this context out',
    );
  }
  const found = statSync(resolve(cwd, value), { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return { scheme: 'local', rest: value };
  if (found !== undefined) throw refused(`${JSON.stringify(value)} is a file, not a directory`, fileHint(value));
  throw bareWord(withoutUser(value));
}

const isPath = (value: string): boolean => /^(?:\/|\.{1,2}(?:\/|$))/.test(value);

function bareWord(value: string): CtxsrcError {
  const repository = forgePage(`https://${value}`)?.reference;
  if (repository !== undefined) {
    return refused(`${value} has no scheme`, `for the git repository type ${shellWord(repository)}`);
  }
  return refused(`${JSON.stringify(value)} has no scheme and is no directory here`, bareWordHint(value));
}

function refused(message: string, hint?: string): CtxsrcError {
  return new CtxsrcError('E_REFERENCE', message, { hint });
}
