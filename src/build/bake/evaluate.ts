/** A bake or compose file evaluated by buildx itself: variables, functions, inheritance, matrices. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CtxsrcError } from '../../core/errors.ts';
import { homeOf } from '../../core/home.ts';
import { shortened } from '../../core/printable.ts';
import { findProgram, programPath } from '../../core/programs.ts';
import type { Environment } from '../request/line.ts';

export interface Evaluation {
  /** The file, relative to `folder`; `-` with `text`. */
  readonly file: string;
  readonly text?: string | undefined;
  readonly names: readonly string[];
  /** Where buildx is run: paths are relative to it. */
  readonly folder: string;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

/** A program with the arguments that make it buildx. */
type Buildx = readonly [program: string, ...args: string[]];

/** More than bake prints for thousands of targets. */
const MAX_PRINTED_BYTES = 64 << 20;

const SYSTEM_PLUGINS = ['local/lib', 'local/libexec', 'lib', 'libexec'].map((dir) => `/usr/${dir}/docker/cli-plugins`);

/** buildx where it is installed: by itself, as a plugin of docker, or behind a docker that knows where its plugins are. */
export function findBuildx(env: Environment): Buildx | undefined {
  const home = homeOf(env);
  const own = env.DOCKER_CONFIG || (home && join(home, '.docker'));
  const plugins = [...(own === undefined ? [] : [join(own, 'cli-plugins')]), ...SYSTEM_PLUGINS];
  const alone = findProgram('docker-buildx', env) ?? findProgram('docker-buildx', { PATH: plugins.join(':') });
  if (alone !== undefined) return [alone];
  const docker = findProgram('docker', env);
  return docker === undefined ? undefined : [docker, 'buildx'];
}

/**
 * What `bake --print` prints. No daemon is asked, and nothing is built.
 * @throws E_CONFIG with what buildx says
 */
export async function bakePrint([program, ...first]: Buildx, evaluation: Evaluation): Promise<string> {
  const { file, text, names, folder, env, signal } = evaluation;
  const args = [...first, 'bake', '--progress=plain', '-f', file, '--print', '--', ...names];
  const running = promisify(execFile)(program, args, {
    cwd: folder,
    env: { ...env, PATH: programPath(env) },
    maxBuffer: MAX_PRINTED_BYTES,
    ...(signal === undefined ? {} : { signal }),
  });
  // A program that ends early does not read its input to the end: its answer tells.
  running.child.stdin?.on('error', () => undefined).end(text ?? '');
  try {
    return (await running).stdout;
  } catch (error) {
    signal?.throwIfAborted();
    throw new CtxsrcError('E_CONFIG', `docker buildx bake cannot evaluate it: ${reasonOf(error)}`, {
      cause: error,
      hint: 'docker buildx bake --print shows the same; what it needs of the environment has to be set here too',
    });
  }
}

/** What buildx says after its progress. */
function reasonOf(error: unknown): string {
  const { stderr = '', message } = error as Error & { readonly stderr?: string };
  const said = stderr.slice(Math.max(0, stderr.lastIndexOf('ERROR: '))).replace(/^ERROR: /, '');
  return shortened((said.trim() || message).replace(/\s*\n\s*/g, ' '));
}
