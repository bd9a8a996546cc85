/** Outputs of a GitHub Actions step: lines for the file in `$GITHUB_OUTPUT`. */
import { randomBytes } from 'node:crypto';
import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CtxsrcError, localError } from '../../core/errors.ts';
import type { Variables } from '../../core/home.ts';
import { printable, printableJson } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import type { Resolved } from '../../source/resolve.ts';

/** Outputs by their names; undefined ones are left out. */
export type StepOutputs = Readonly<Record<string, string | undefined>>;

/**
 * Finds out whether outputs can be written, before there is any; nothing is changed.
 * @throws E_USAGE if the variable is not set, E_IO and other local errors if the file cannot be written
 */
export function checkGithubOutput(env: Variables): void {
  const file = fileOf(env);
  try {
    const info = statSync(file, { throwIfNoEntry: false });
    if (info === undefined) accessSync(dirname(file), constants.W_OK);
    // To open a pipe would wait for its reader.
    else if (info.isFile() || info.isDirectory()) closeSync(openSync(file, 'a'));
  } catch (error) {
    throw notWritten(error, file);
  }
}

/**
 * Appends the outputs in one write. Names and values come from outside: neither can create another output.
 * @throws E_USAGE for an invalid name, E_IO and other local errors if the file cannot be written
 */
export async function appendGithubOutputs(env: Variables, values: StepOutputs): Promise<void> {
  const file = fileOf(env);
  const text = Object.entries(values)
    .map(([name, value]) => (value === undefined ? '' : outputLines(name, value)))
    .join('');
  try {
    await appendFile(file, text);
  } catch (error) {
    throw notWritten(error, file);
  }
}

function fileOf(env: Variables): string {
  if (env.GITHUB_OUTPUT) return env.GITHUB_OUTPUT;
  throw new CtxsrcError('E_USAGE', '--github-output was given, but GITHUB_OUTPUT is not set', {
    hint: 'leave the flag out outside of GitHub Actions',
  });
}

/** The user did not name the file in a reference, so a missing file is an error of this machine. */
function notWritten(error: unknown, file: string): Error {
  return localError(
    error,
    `cannot write the file ${printable(file)} that GITHUB_OUTPUT names`,
    'let GITHUB_OUTPUT name a file that can be written: the runner sets it, and so can you',
  );
}

/**
 * The outputs of all references, and as `json` a list of them: of several, those of named ones end in `-NAME`, others in `-1`, `-2`, ….
 * @throws E_USAGE if two references would have the same
 */
export function outputsByName(resolved: readonly Resolved[], values: readonly StepOutputs[]): StepOutputs {
  const outputs = resolved.flatMap((one, index) => {
    const suffix = resolved.length === 1 ? '' : `-${one.ref.name ?? index + 1}`;
    return Object.entries(values[index]!).map(([word, value]) => [`${word}${suffix}`, value] as const);
  });
  const byName = Object.fromEntries(outputs);
  if (Object.keys(byName).length < outputs.length) {
    throw new CtxsrcError('E_USAGE', 'two references would have the same outputs of the step', {
      hint: 'give each reference a NAME of its own: NAME=REF',
    });
  }
  const list = resolved.map(({ ref }, index) => ({ ref: shownReference(ref.text), name: ref.name, ...values[index] }));
  return { ...byName, json: printableJson(JSON.stringify(list)) };
}

/**
 * `NAME=VALUE`, or the form with a delimiter for a value of several lines. The first `=` or `<<` of a line ends the
 * name, so names cannot contain them.
 */
export function outputLines(name: string, value: string): string {
  if (name !== printable(name) || /=|<</.test(name)) {
    throw new CtxsrcError('E_USAGE', `${JSON.stringify(name)} can be no output of a GitHub Actions step`, {
      hint: 'give the reference another NAME, of letters, digits, - and _',
    });
  }
  if (!/[\r\n]/.test(value)) return `${name}=${value}\n`;
  // The value's author cannot know it.
  const delimiter = `end-${randomBytes(16).toString('hex')}`;
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}
