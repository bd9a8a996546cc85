/** What every failed run of the command line must look like, and where the fixtures are. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { ERROR_EXITS, type ErrorCode } from '../../src/core/errors.ts';
import { type CliOptions, ctxsrc, packageRoot } from './cli.ts';

export const DIGEST = /^sha256:[0-9a-f]{64}\n$/;

/** `oci-layout://` reference of a committed layout. */
export function layoutRef(name: 'hello' | 'everything' | 'broken', tag = ''): string {
  return `oci-layout://${join(packageRoot, 'fixtures', 'layouts', name)}${tag === '' ? '' : `:${tag}`}`;
}

/** A committed directory. */
export function directory(name: 'app' | 'monorepo'): string {
  return join(packageRoot, 'fixtures', 'dirs', name);
}

export interface Failure {
  readonly code: ErrorCode;
  readonly message: RegExp;
  /** Undefined: any hint, or none. */
  readonly hint?: RegExp | undefined;
}

/**
 * Runs the arguments twice, for a person and with `--json`, and expects the failure: the exit code of its error code,
 * nothing on stdout, one line that says what happened, at most one hint, no stack.
 */
export async function expectFailure(
  args: readonly string[],
  failure: Failure,
  options: CliOptions = {},
): Promise<void> {
  const [text, json] = await Promise.all([ctxsrc(args, options), ctxsrc([...args, '--json'], options)]);
  expect
    .soft({ exit: text.code, stdout: text.stdout }, text.stderr)
    .toEqual({ exit: ERROR_EXITS[failure.code], stdout: '' });
  const lines = text.stderr.trimEnd().split('\n');
  const errors = lines.filter((line) => line.startsWith('ctxsrc: '));
  expect.soft(errors, text.stderr).toHaveLength(1);
  expect.soft(errors[0], text.stderr).toMatch(failure.message);
  const hints = lines.slice(lines.indexOf(errors[0]!) + 1);
  expect.soft(hints.length, text.stderr).toBeLessThanOrEqual(1);
  if (failure.hint !== undefined) expect.soft(hints[0], text.stderr).toMatch(failure.hint);
  for (const hint of hints) expect.soft(hint).toMatch(/^hint: /);

  expect
    .soft({ exit: json.code, stdout: json.stdout }, json.stderr)
    .toEqual({ exit: ERROR_EXITS[failure.code], stdout: '' });
  const last = json.stderr.trimEnd().split('\n').at(-1)!;
  expect.soft(JSON.parse(last)).toMatchObject({
    schema: 'ctxsrc/v1',
    error: {
      code: failure.code,
      exit: ERROR_EXITS[failure.code],
      message: expect.stringMatching(failure.message),
    },
  });
}
