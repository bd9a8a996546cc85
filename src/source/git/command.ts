/**
 * Runs the system's git without a shell and without the git configuration of the user or the system: no hooks, filters,
 * credential helpers, URL rewrites or prompts. Each call states which transports it may use. Secrets are in the
 * environment of the child process, never in its arguments.
 */
import { devNull } from 'node:os';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { findProgram, type Program, programPath, startProgram } from '../../core/programs.ts';
import { USER_AGENT } from '../../http/headers.ts';
import type { NamedProxy } from '../../http/proxy.ts';
import { gitFailure } from './failure.ts';

/** The transports that a call may use. `none`: git may not contact anything. */
export type GitReach = 'none' | 'network' | 'file';

const PROTOCOLS: Readonly<Record<GitReach, string>> = { none: 'none', network: 'http:https:ssh:git', file: 'file' };

/** Variables of the caller that are passed to git, besides PATH: proxies and the ssh agent. */
const KEPT_VARIABLES = /^(?:TMPDIR|SSH_AUTH_SOCK|(?:https?|no|all)_proxy|(?:HTTPS|NO|ALL)_PROXY)$/;

/** Configuration of every call. */
const BASE_CONFIG: readonly (readonly [string, string])[] = [
  ['core.hooksPath', devNull],
  ['core.fsmonitor', 'false'],
  ['core.symlinks', 'true'],
  ['core.attributesFile', devNull],
  ['core.excludesFile', devNull],
  ['credential.helper', ''],
  ['safe.directory', '*'],
  ['init.defaultBranch', 'master'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  // Objects stay in the received pack: fewer writes, and git reports the received bytes.
  ['fetch.unpackLimit', '1'],
  ['submodule.recurse', 'false'],
  ['protocol.version', '2'],
  ['advice.detachedHead', 'false'],
  ['http.userAgent', USER_AGENT],
];

/**
 * The upload-pack of a repository on this machine, whoever owns it: git clears its configuration variables before it
 * starts upload-pack, so `safe.directory` is repeated. No program in such a repository is run.
 */
const OWN_UPLOAD_PACK: readonly [string, string] = ['remote.origin.uploadpack', 'git -c safe.directory=* upload-pack'];

/** Milliseconds after SIGTERM before a child that has not ended is killed. */
const GRACE = 2000;

export interface GitCall {
  readonly reach: GitReach;
  readonly gitDir?: string | undefined;
  readonly workTree?: string | undefined;
  readonly indexFile?: string | undefined;
  readonly stdin?: Uint8Array | string | undefined;
  /** Exit codes besides 0 that are not failures. */
  readonly okExits?: readonly number[] | undefined;
  /** Milliseconds of silence after which the call is ended; only for calls that use the network. */
  readonly stallTimeout?: number | undefined;
  /** Called with the progress of a fetch, as git counts it. */
  readonly onReceived?: ((received: Received) => void) | undefined;
}

interface Received {
  /** Bytes of objects. git does not report them from the start. */
  readonly bytes: number;
  /** From 0 to 1, by the number of objects. */
  readonly part: number;
}

export interface GitOutput {
  readonly exit: number;
  readonly stdout: Buffer;
}

/** Limit of git's output in bytes: a list of about a million paths. */
const MAX_OUTPUT = 256 * 1024 * 1024;

/** Additional settings for calls to one remote (see access.ts). */
export interface GitSettings {
  readonly config?: readonly (readonly [string, string])[] | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** The working directory; `/` by default. The user's own ssh command may name files in the current directory. */
  readonly cwd?: string | undefined;
  /** Texts that must not appear in a message. */
  readonly secrets?: readonly string[] | undefined;
  /** The path of a remote on this machine. */
  readonly localPath?: string | undefined;
  /** The proxy that calls go through. */
  readonly proxy?: NamedProxy | undefined;
  /** The remote is shown a credential, or may be. */
  readonly credential?: boolean | undefined;
  /** The remote uses https, and redirects must not lead to an unencrypted transport. */
  readonly secure?: boolean | undefined;
}

/** git, configured for one reference: its credentials, certificates and known hosts. */
export class Git {
  readonly #settings: GitSettings;

  constructor(settings: GitSettings = {}) {
    this.#settings = settings;
  }

  /** The remote is shown a credential, or may be: what it sends is not everybody's. */
  get hasCredential(): boolean {
    return this.#settings.credential === true;
  }

  /**
   * Runs `git ARGS`. Throws a typed error for every failure; its text never contains a URL's query or a secret.
   * @param what the purpose of the call, for messages: `fetch https://host/repo.git`
   */
  async run(signal: AbortSignal, what: string, args: readonly string[], call: GitCall): Promise<GitOutput> {
    signal.throwIfAborted();
    const program = findProgram('git', process.env);
    if (program === undefined) throw missing();
    const child = await startProgram(program, args, {
      cwd: this.#settings.cwd ?? '/',
      env: this.#variables(call),
      // A process group of its own, so that git's helpers (git-remote-https, ssh) end with it.
      detached: process.platform !== 'win32',
    }).catch((error: unknown) => {
      throw ioError(error, 'cannot run git');
    });
    const { exit, stdout, stderr, stalled } = await collect(child, signal, call);
    signal.throwIfAborted();
    if (stalled) {
      throw new CtxsrcError('E_STALLED', `cannot ${what}: nothing arrived for ${(call.stallTimeout ?? 0) / 1000} s`, {
        hint: 'try again, or allow more time with --stall-timeout',
      });
    }
    if (exit !== 0 && call.okExits?.includes(exit) !== true) {
      const { secrets = [], proxy, localPath } = this.#settings;
      throw gitFailure({ what, exit, stderr, reach: call.reach, secrets, proxy, localPath });
    }
    return { exit, stdout };
  }

  #variables(call: GitCall): Record<string, string> {
    const env: Record<string, string> = {};
    for (const [name, value] of Object.entries(process.env)) {
      if (value !== undefined && KEPT_VARIABLES.test(name)) env[name] = value;
    }
    Object.assign(env, this.#settings.environment, {
      PATH: programPath(process.env),
      LC_ALL: 'C',
      TZ: 'UTC',
      HOME: this.#settings.environment?.HOME ?? devNull,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: devNull,
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '',
      SSH_ASKPASS: '',
      GIT_ALLOW_PROTOCOL: call.reach === 'network' && this.#settings.secure === true ? 'https' : PROTOCOLS[call.reach],
      GIT_LITERAL_PATHSPECS: '1',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_NO_LAZY_FETCH: '1',
      GIT_OPTIONAL_LOCKS: '0',
      // git must not search for a repository in parent directories of the current one.
      GIT_DIR: call.gitDir ?? devNull,
    });
    if (call.workTree !== undefined) env.GIT_WORK_TREE = call.workTree;
    if (call.indexFile !== undefined) env.GIT_INDEX_FILE = call.indexFile;
    const config = [...BASE_CONFIG, ...(this.#settings.config ?? [])];
    if (call.reach === 'file') config.push(OWN_UPLOAD_PACK);
    env.GIT_CONFIG_COUNT = String(config.length);
    for (const [index, [key, value]] of config.entries()) {
      env[`GIT_CONFIG_KEY_${index}`] = key;
      env[`GIT_CONFIG_VALUE_${index}`] = value;
    }
    return env;
  }
}

interface Collected extends GitOutput {
  readonly stderr: string;
  readonly stalled: boolean;
}

function collect(child: Program, signal: AbortSignal, call: GitCall): Promise<Collected> {
  return new Promise<Collected>((resolve, reject) => {
    const stdout: Buffer[] = [];
    let size = 0;
    let stderr = '';
    let stalled = false;
    let failure: Error | undefined;
    let watchdog: NodeJS.Timeout | undefined;
    let killer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      killGroup(child, 'SIGTERM');
      killer ??= setTimeout(() => killGroup(child, 'SIGKILL'), GRACE);
    };
    const alive = (): void => {
      if (call.stallTimeout === undefined) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => {
        stalled = true;
        stop();
      }, call.stallTimeout);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    alive();
    child.stdout.on('data', (chunk: Buffer) => {
      alive();
      size += chunk.length;
      if (size <= MAX_OUTPUT) {
        stdout.push(chunk);
      } else if (failure === undefined) {
        failure = new CtxsrcError('E_LIMIT', `git answered more than ${MAX_OUTPUT} bytes`);
        stop();
      }
    });
    child.stderr.on('data', (chunk: Buffer) => {
      alive();
      stderr = (stderr + chunk.toString('latin1')).slice(-65536);
      if (call.onReceived === undefined) return;
      const received = receivedOf(stderr.slice(-256));
      if (received !== undefined) call.onReceived(received);
    });
    // A child that ends early closes its input; its exit code has the reason.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      failure ??= ioError(error, 'cannot run git');
    });
    child.on('close', (code) => {
      clearTimeout(watchdog);
      clearTimeout(killer);
      signal.removeEventListener('abort', stop);
      // git may have ended while one of its helpers still runs.
      if (killer !== undefined) killGroup(child, 'SIGKILL');
      if (failure !== undefined) reject(failure);
      else resolve({ exit: code ?? 128, stdout: Buffer.concat(stdout), stderr, stalled });
    });
    child.stdin.end(call.stdin ?? '');
  });
}

const UNITS: Readonly<Record<string, number>> = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** The last count in the output of `git fetch --progress`: `Receiving objects: 45% (9/20), 1.20 MiB | 3.00 MiB/s`. */
function receivedOf(text: string): Received | undefined {
  const counts = text.matchAll(
    /(?:Receiving|Unpacking) objects: +(\d+)% \(\d+\/\d+\)(?:, ([\d.]+) (bytes|KiB|MiB|GiB) \|)?/g,
  );
  const last = [...counts].at(-1);
  if (last === undefined) return undefined;
  const [, percent, amount = '0', unit = 'bytes'] = last;
  return { bytes: Math.round(Number(amount) * UNITS[unit]!), part: Number(percent) / 100 };
}

function killGroup(child: Program, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch (error) {
    // The group ended before the signal was sent.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function missing(): CtxsrcError {
  return new CtxsrcError('E_CONFIG', 'git is not installed, or not on the PATH', {
    hint: 'git references need the git program: install it, then try again',
  });
}
