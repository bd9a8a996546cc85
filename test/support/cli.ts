/** Runs the built command line as a child process, in a home directory of its own. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from './temp.ts';

/** The top of this package. */
export const packageRoot: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface CliOptions {
  readonly cwd?: string | undefined;
  /** Added to (or, when undefined, taken out of) the bare environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly stdin?: string | Uint8Array | undefined;
  /** Run as this user and group; the test must be root. */
  readonly uid?: number | undefined;
  /** Milliseconds until SIGKILL; 60 000 unless given. */
  readonly timeout?: number | undefined;
  /** The home: `HOME`, XDG directories and the store lie in it. One per test file unless given. */
  readonly home?: string | undefined;
  /** Arguments for node itself, before the program. */
  readonly nodeArgs?: readonly string[] | undefined;
  /** Ends the run early: once `when` says so (asked every 50 ms), the child gets the signal. */
  readonly kill?: { readonly when: () => boolean; readonly signal: NodeJS.Signals } | undefined;
}

export interface CliResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds from start to exit. */
  readonly ms: number;
}

let sharedHome: string | undefined;

/** A private home directory, owned by `uid` when given. */
export function cliHome(uid?: number): string {
  const home = tempDir('home');
  for (const name of ['', 'cache', 'config', 'run', 'tmp']) {
    const dir = join(home, name);
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    if (uid !== undefined) chownSync(dir, uid, uid);
  }
  return home;
}

/** The environment of a run: nothing of the tester's own but PATH. */
export function cliEnv(home: string, extra: CliOptions['env'] = {}): Record<string, string> {
  const env: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_RUNTIME_DIR: join(home, 'run'),
    CTXSRC_CACHE_DIR: join(home, 'cache', 'ctxsrc'),
    TMPDIR: join(home, 'tmp'),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    ...extra,
  };
  return Object.fromEntries(Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

let publicCopy: string | undefined;

/** The program's path; for another user a copy where every user may read it (a clone may lie in /root). */
export function cliPath(uid?: number): string {
  if (uid === undefined) return join(packageRoot, 'bin', 'ctxsrc.js');
  if (publicCopy === undefined) {
    publicCopy = tempDir('program');
    for (const name of ['bin', 'dist', 'package.json', 'node_modules/koffi', 'node_modules/@koromix']) {
      const from = join(packageRoot, name);
      if (existsSync(from)) cpSync(from, join(publicCopy, name), { recursive: true });
    }
    chmodSync(publicCopy, 0o755);
  }
  return join(publicCopy, 'bin', 'ctxsrc.js');
}

function homeFor(uid: number | undefined): string {
  if (uid !== undefined) return cliHome(uid);
  sharedHome ??= cliHome();
  return sharedHome;
}

/** Runs `ctxsrc` with the arguments to its end. Never throws for a failed run: look at `code`. */
export function ctxsrc(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const home = options.home ?? homeFor(options.uid);
  return run(process.execPath, [...(options.nodeArgs ?? []), cliPath(options.uid), ...args], {
    ...options,
    env: cliEnv(home, options.env),
  });
}

/** Runs any program to its end and keeps what it printed. */
export function run(file: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env === undefined ? process.env : options.env,
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const limit = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 60_000);
    const kill = options.kill;
    const early = setInterval(() => {
      if (kill?.when() !== true) return;
      clearInterval(early);
      child.kill(kill.signal);
    }, 50);
    child.stdin.on('error', () => undefined); // The child may end without reading it.
    child.stdin.end(options.stdin ?? '');
    child.on('error', (error) => {
      clearTimeout(limit);
      clearInterval(early);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      clearInterval(early);
      resolve({
        code,
        signal,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
        ms: performance.now() - start,
      });
    });
  });
}
