/** Outputs of a step of GitHub Actions: lines for the file that `$GITHUB_OUTPUT` names. */
import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { CtxsrcError, localError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

/**
 * Appends the outputs, in one piece. Names and values come from outside: neither can make an output that is not its own.
 * @throws E_USAGE for a name that no output can have, E_IO and its kin when the file cannot be written
 */
export async function appendGithubOutputs(
  file: string,
  values: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const text = Object.entries(values)
    .map(([name, value]) => (value === undefined ? '' : outputLines(name, value)))
    .join('');
  try {
    await appendFile(file, text);
  } catch (error) {
    // A missing file is not what the user asked for by a reference: it is a fault of the machine, as every other here.
    throw localError(
      error,
      `cannot write the file ${printable(file)} that GITHUB_OUTPUT names`,
      'let GITHUB_OUTPUT name a file that can be written: the runner sets it, and so can you',
    );
  }
}

/**
 * `NAME=VALUE`, or the form with a delimiter where the value has several lines. The runner takes the first `=` or `<<` of
 * a line for the end of the name, so no name can hold one.
 */
export function outputLines(name: string, value: string): string {
  if (name !== printable(name) || /=|<</.test(name)) {
    throw new CtxsrcError('E_USAGE', `${JSON.stringify(name)} can be no output of a GitHub Actions step`, {
      hint: 'give the reference another NAME, of letters, digits, - and _',
    });
  }
  if (!/[\r\n]/.test(value)) return `${name}=${value}\n`;
  // Nobody who wrote the value can know it.
  const delimiter = `end-${randomBytes(16).toString('hex')}`;
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}
