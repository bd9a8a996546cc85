/** What git ignores in a directory that lies in a checkout. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { JobContext } from '../../../contract/session.ts';
import { printable } from '../../../core/printable.ts';
import { findProgram, programPath } from '../../../core/programs.ts';
import { warnOrRefuse } from '../../../core/progress.ts';
import { type ByteString, fsPath } from '../../../fs/byte-string.ts';

/**
 * A checkout's own configuration may name programs: these run none, and write nothing. So it does not matter whose it is
 * (an older git than 2.38 does not take that from here, and refuses).
 */
const HARMLESS = ['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'safe.directory=*'].flatMap((one) => ['-c', one]);
const LIST = ['--no-optional-locks', 'ls-files', '--others', '--ignored', '--exclude-standard', '--directory', '-z'];
const MOST_OUTPUT = 64 << 20;
const TIMEOUT = 30_000;
/** There is no checkout here, or the directory is not in the work tree of one. */
const NO_CHECKOUT = /not a git repository \(or any|must be run in a work tree/;

/**
 * Paths relative to the directory; those of directories end in a slash, and stand for all in them. Empty where there is
 * no checkout or no git.
 * @throws CtxsrcError `E_UNSAFE` under `--strict` where git gives no answer
 */
export async function gitIgnored(job: JobContext, root: ByteString): Promise<ReadonlySet<ByteString>> {
  const git = findProgram('git', process.env);
  const cwd = fsPath(root);
  if (git === undefined || typeof cwd !== 'string') return new Set();
  try {
    const { stdout } = await promisify(execFile)(git, [...HARMLESS, ...LIST], {
      cwd,
      signal: job.signal,
      encoding: 'latin1',
      maxBuffer: MOST_OUTPUT,
      timeout: TIMEOUT,
      env: environment(),
    });
    return new Set(stdout.split('\0').filter((path) => path !== ''));
  } catch (error) {
    job.signal.throwIfAborted();
    const { stderr = '', message } = error as Error & { readonly stderr?: string };
    if (NO_CHECKOUT.test(stderr)) return new Set();
    const [reason = ''] = (stderr || message).split('\n');
    const text = `what git ignores here is not known, and may be secret: ${printable(reason)}`;
    warnOrRefuse(job, 'E_UNSAFE', text, 'git -C DIR status --ignored shows what is wrong');
    return new Set();
  }
}

/** Variables of git may name another checkout. What a partial clone lacks is fetched by programs that it names. */
function environment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.toUpperCase().startsWith('GIT_'));
  return {
    ...Object.fromEntries(others),
    PATH: programPath(process.env),
    LC_ALL: 'C',
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_NO_LAZY_FETCH: '1',
  };
}
