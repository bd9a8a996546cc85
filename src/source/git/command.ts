/**
 * Runs the system's git without a shell and without anything of the user's or the machine's git configuration: no
 * hooks, filters, credential helpers, URL rewrites or prompts. What a call may reach over which transport is said per
 * call. Secrets travel in the environment of the child, never in its arguments.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { devNull } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { findProgram, programPath } from '../../core/programs.ts';
import { gitFailure } from './failure.ts';

/** Transports a call may use. `none`: no helper of git may open anything. */
export type Reach = 'none' | 'network' | 'file';

const PROTOCOLS: Readonly<Record<Reach, string>> = { none: 'none', network: 'http:https:ssh:git', file: 'file' };

/** Variables of the caller that reach git, besides PATH: proxies, certificates and the ssh agent. */
const KEPT_VARIABLES =
  /^(?:TMPDIR|SSH_AUTH_SOCK|(?:https?|no|all)_proxy|(?:HTTPS|NO|ALL)_PROXY|SSL_CERT_FILE|SSL_CERT_DIR)$/;

/** Configuration every call gets. */
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
  ['submodule.recurse', 'false'],
  ['protocol.version', '2'],
  ['advice.detachedHead', 'false'],
];

/** Time after SIGTERM before a child that does not end is killed, in milliseconds. */
const GRACE = 2000;

export interface GitCall {
  readonly reach: Reach;
  readonly gitDir?: string | undefined;
  readonly workTree?: string | undefined;
  readonly indexFile?: string | undefined;
  readonly stdin?: Uint8Array | string | undefined;
  /** Exit codes besides 0 that are an answer. */
  readonly okExits?: readonly number[] | undefined;
  /** Silence after which the call is given up, in milliseconds; only for calls that reach the network. */
  readonly stallTimeout?: number | undefined;
}

export interface GitOutput {
  readonly exit: number;
  readonly stdout: Buffer;
}

/** Most bytes of answer kept: a listing of about a million paths. */
const MAX_OUTPUT = 256 * 1024 * 1024;

/** git, as configured for one reference: its credentials, certificates and known hosts. */
export class Git {
  readonly #config: readonly (readonly [string, string])[];
  readonly #environment: Readonly<Record<string, string>>;

  /** @param config more configuration, and `environment` more variables, for every call (see access.ts). */
  constructor(config: readonly (readonly [string, string])[] = [], environment: Readonly<Record<string, string>> = {}) {
    this.#config = config;
    this.#environment = environment;
  }

  /**
   * Runs `git ARGS`. Throws a typed error for every failure; its text never holds a URL's query or a secret.
   * @param what what the call is for, for messages: `fetch https://host/repo.git`
   */
  async run(signal: AbortSignal, what: string, args: readonly string[], call: GitCall): Promise<GitOutput> {
    signal.throwIfAborted();
    const program = findProgram('git', process.env);
    if (program === undefined) throw missing();
    const child = spawn(program, args, {
      cwd: '/',
      env: this.#variables(call),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that helpers of git (git-remote-https, ssh) end with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const { exit, stdout, stderr, stalled } = await collect(child, signal, call);
    signal.throwIfAborted();
    if (stalled) {
      throw new CtxsrcError('E_STALLED', `cannot ${what}: nothing arrived for ${(call.stallTimeout ?? 0) / 1000} s`, {
        hint: 'try again, or allow more time with --stall-timeout',
      });
    }
    if (exit !== 0 && call.okExits?.includes(exit) !== true) throw gitFailure(what, exit, stderr, call.reach);
    return { exit, stdout };
  }

  #variables(call: GitCall): Record<string, string> {
    const env: Record<string, string> = {};
    for (const [name, value] of Object.entries(process.env)) {
      if (value !== undefined && KEPT_VARIABLES.test(name)) env[name] = value;
    }
    Object.assign(env, this.#environment, {
      PATH: programPath(process.env),
      LC_ALL: 'C',
      TZ: 'UTC',
      HOME: devNull,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: devNull,
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '',
      SSH_ASKPASS: '',
      GIT_ALLOW_PROTOCOL: PROTOCOLS[call.reach],
      GIT_LITERAL_PATHSPECS: '1',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_NO_LAZY_FETCH: '1',
      GIT_OPTIONAL_LOCKS: '0',
      // Outside any repository unless one is named: git must not look for one above the current directory.
      GIT_DIR: call.gitDir ?? devNull,
    });
    if (call.workTree !== undefined) env['GIT_WORK_TREE'] = call.workTree;
    if (call.indexFile !== undefined) env['GIT_INDEX_FILE'] = call.indexFile;
    const config = [...BASE_CONFIG, ...this.#config];
    env['GIT_CONFIG_COUNT'] = String(config.length);
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

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function collect(child: Child, signal: AbortSignal, call: GitCall): Promise<Collected> {
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
    });
    // A child that ends early closes its input: its exit code says why.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      failure ??= ioError(error, 'cannot run git');
    });
    child.on('close', (code) => {
      clearTimeout(watchdog);
      clearTimeout(killer);
      signal.removeEventListener('abort', stop);
      if (failure !== undefined) reject(failure);
      else resolve({ exit: code ?? 128, stdout: Buffer.concat(stdout), stderr, stalled });
    });
    child.stdin.end(call.stdin ?? '');
  });
}

function killGroup(child: Child, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch (error) {
    // The group ended between the decision and the call.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function missing(): CtxsrcError {
  return new CtxsrcError('E_CONFIG', 'git is not installed, or not on the PATH', {
    hint: 'git references need the git program: install it, then try again',
  });
}
