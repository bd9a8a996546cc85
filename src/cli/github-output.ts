/** Outputs of a GitHub Actions step: lines for the file in `$GITHUB_OUTPUT`. */
import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { CtxsrcError, localError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

/**
 * Appends the outputs in one write. Names and values come from outside: neither can create another output.
 * @throws E_USAGE for an invalid name, E_IO and other local errors if the file cannot be written
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
    // The user did not name the file in a reference, so a missing file is an error of this machine.
    throw localError(
      error,
      `cannot write the file ${printable(file)} that GITHUB_OUTPUT names`,
      'let GITHUB_OUTPUT name a file that can be written: the runner sets it, and so can you',
    );
  }
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
