/** What reaches a build unasked, out of the environment and docker's configuration file, read as buildx reads it. */
import { join } from 'node:path';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { homeOf } from '../../core/home.ts';
import { isObject } from '../../core/is-object.ts';
import { printable } from '../../core/printable.ts';
import { readSmallFileSync } from '../../fs/small-file.ts';
import type { BuildLine, Environment } from './line.ts';
import { splitPair } from './pairs.ts';

/** What leaves it open what a build makes, and what to do about it. */
export interface Doubt {
  readonly text: string;
  readonly hint: string;
}

/** What the environment gives to a build. */
export interface Surroundings {
  readonly buildArgs: ReadonlyMap<string, string>;
  /** Labels that `--label` may replace. */
  readonly labels: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
  readonly doubts: readonly Doubt[];
}

export async function readEnvironment(
  line: BuildLine,
  env: Environment,
  cwd: string,
  signal?: AbortSignal,
): Promise<Surroundings> {
  const buildArgs = new Map<string, string>();
  const notes: string[] = [];
  const doubts: Doubt[] = [];
  for (const text of line.buildArgs) {
    const [name, value = env[name]] = splitPair('--build-arg', text);
    if (value === undefined) notes.push(`--build-arg ${name}: the environment has no ${name}, so it is not given`);
    else buildArgs.set(name, value);
  }
  if (buildArgs.get('BUILDKIT_SYNTAX')?.trim() === '') {
    throw new CtxsrcError('E_USAGE', '--build-arg BUILDKIT_SYNTAX is empty: that names no front end', {
      hint: 'leave it out, or name an image: --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1',
    });
  }
  if (env.SOURCE_DATE_EPOCH && !buildArgs.has('SOURCE_DATE_EPOCH')) {
    buildArgs.set('SOURCE_DATE_EPOCH', env.SOURCE_DATE_EPOCH);
    notes.push('SOURCE_DATE_EPOCH of the environment is a build argument, as with buildx');
  }
  const given = new Set([...buildArgs.keys()].map((name) => name.toUpperCase()));
  for (const [name, value] of proxies(env, given, doubts)) buildArgs.set(name, value);
  if (env.EXPERIMENTAL_BUILDKIT_SOURCE_POLICY) {
    doubts.push({
      text: 'EXPERIMENTAL_BUILDKIT_SOURCE_POLICY is set and not read: that policy may exchange sources',
      hint: 'unset it, or give --with policy=DIGEST so that another policy is another key',
    });
  }
  if (/^(?:0|f|false)$/i.test(env.DOCKER_BUILDKIT ?? '')) {
    doubts.push({
      text: 'DOCKER_BUILDKIT turns BuildKit off: the key is that of a build with BuildKit',
      hint: 'unset it: the old builder has other rules',
    });
  }
  const labels = await labelsOf(line, env, cwd, signal);
  return { buildArgs, labels, notes, doubts };
}

/** The labels that BUILDX_GIT_LABELS asks for; what asks git for them is loaded only then. */
async function labelsOf(
  line: BuildLine,
  env: Environment,
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  if ((env.BUILDX_GIT_LABELS ?? '') === '') return new Map();
  const { gitLabels } = await import('./git-labels.ts');
  return gitLabels(line, env, cwd, signal);
}

/** The members of `proxies` in docker's configuration, and the build arguments that buildx makes of them. */
const PROXIES = [
  ['httpProxy', 'HTTP_PROXY'],
  ['httpsProxy', 'HTTPS_PROXY'],
  ['noProxy', 'NO_PROXY'],
  ['ftpProxy', 'FTP_PROXY'],
] as const;

/** The proxies for the daemon that DOCKER_HOST names, else those for all; without arguments that are given. */
function proxies(env: Environment, given: ReadonlySet<string>, doubts: Doubt[]): [string, string][] {
  const home = homeOf(env);
  const folder = env.DOCKER_CONFIG || (home && join(home, '.docker'));
  if (folder === undefined) return [];
  const path = join(folder, 'config.json');
  let document: unknown;
  try {
    document = JSON.parse(readSmallFileSync(path, { what: printable(path) }).toString('utf8'));
  } catch (error) {
    // Its text is not repeated: it may hold passwords.
    if (!isCtxsrcError(error, 'E_PATH_NOT_FOUND')) {
      const why = isCtxsrcError(error) ? error.message : 'it is no JSON';
      doubts.push({ text: `the proxies in ${path} are not read: ${why}`, hint: 'mend the file: docker reads it, too' });
    }
    return [];
  }
  if (!isObject(document) || !isObject(document.proxies)) return [];
  const all = document.proxies;
  const argumentsOf = (daemon: unknown): [string, string][] =>
    PROXIES.flatMap(([member, name]): [string, string][] => {
      const value = isObject(daemon) ? daemon[member] : undefined;
      return typeof value === 'string' && value !== '' && !given.has(name) ? [[name, value]] : [];
    });
  const context = env.DOCKER_CONTEXT || document.currentContext;
  // The daemon of a context is written in files of its own, which are not read.
  const elsewhere = !env.DOCKER_HOST && typeof context === 'string' && context !== '' && context !== 'default';
  const differ = Object.keys(all).some((daemon) => daemon !== 'default');
  if (elsewhere && differ && Object.values(all).some((daemon) => argumentsOf(daemon).length > 0)) {
    doubts.push({
      text: `the proxies of the docker context ${printable(context)} are not read`,
      hint: 'set DOCKER_HOST, or give --build-arg HTTP_PROXY=…',
    });
  }
  const host = env.DOCKER_HOST || 'unix:///var/run/docker.sock';
  return argumentsOf(Object.hasOwn(all, host) ? all[host] : all.default);
}
