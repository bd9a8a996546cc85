/** What git ignores in a directory that lies in a checkout. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram, programPath } from '../../../core/programs.ts';
import { type ByteString, fsPath } from '../../../fs/byte-string.ts';

/** A checkout's own configuration may name programs: these run none, and write nothing. */
const HARMLESS = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '--no-optional-locks'];
const LIST = ['ls-files', '--others', '--ignored', '--exclude-standard', '--directory', '-z'];
const MOST_OUTPUT = 64 << 20;
const TIMEOUT = 30_000;

/**
 * Paths relative to the directory; those of directories end in a slash, and stand for all in them. Empty where there is
 * no checkout, no git, or no answer.
 */
export async function gitIgnored(root: ByteString, signal: AbortSignal): Promise<ReadonlySet<ByteString>> {
  const git = findProgram('git', process.env);
  const cwd = fsPath(root);
  if (git === undefined || typeof cwd !== 'string') return new Set();
  try {
    const { stdout } = await promisify(execFile)(git, [...HARMLESS, ...LIST], {
      cwd,
      signal,
      encoding: 'latin1',
      maxBuffer: MOST_OUTPUT,
      timeout: TIMEOUT,
      env: { ...process.env, PATH: programPath(process.env), LC_ALL: 'C' },
    });
    return new Set(stdout.split('\0').filter((path) => path !== ''));
  } catch {
    signal.throwIfAborted();
    return new Set();
  }
}
