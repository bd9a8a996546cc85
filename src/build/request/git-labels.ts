/** BUILDX_GIT_LABELS: the labels that buildx adds to an image from the git repository of the context. */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CtxsrcError } from '../../core/errors.ts';
import { findProgram, programPath } from '../../core/programs.ts';
import { withoutUser } from '../../core/shown-reference.ts';
import type { BuildLine, Environment } from './line.ts';
import { isTrue } from './pairs.ts';

/** Commit, remote and the Dockerfile's path, when BUILDX_GIT_LABELS asks for them and the context is in a checkout. */
export async function gitLabels(
  line: BuildLine,
  env: Environment,
  cwd: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const asked = env.BUILDX_GIT_LABELS ?? '';
  const directory = resolve(cwd, line.context);
  if (asked !== 'full' && !isTrue(asked)) return new Map();
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return new Map();
  const git = findProgram('git', env);
  if (git === undefined) {
    throw new CtxsrcError('E_USAGE', 'BUILDX_GIT_LABELS asks for labels of the commit, and git is not installed', {
      hint: 'install git, or unset BUILDX_GIT_LABELS',
    });
  }
  const ask = async (...args: string[]): Promise<string | undefined> => {
    try {
      const { stdout } = await promisify(execFile)(git, ['-C', directory, ...args], {
        env: { ...env, PATH: programPath(env), GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' },
        ...(signal === undefined ? {} : { signal }),
      });
      return stdout.replace(/\n$/, '');
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  };
  const root = await ask('rev-parse', '--show-toplevel');
  if (root === undefined) return new Map();
  const labels = new Map<string, string>();
  const commit = await ask('rev-parse', '--verify', '--quiet', 'HEAD');
  if (commit !== undefined) {
    const dirty = isTrue(env.BUILDX_GIT_CHECK_DIRTY) && (await ask('status', '--porcelain')) !== '';
    labels.set('org.opencontainers.image.revision', `${commit}${dirty ? '-dirty' : ''}`);
  }
  const remote = await remoteUrl(ask);
  if (remote !== undefined) labels.set('org.opencontainers.image.source', remote);
  const file = line.file === undefined ? join(directory, 'Dockerfile') : resolve(cwd, line.file);
  const inside = relative(root, file);
  if (!inside.startsWith('..') && !isAbsolute(inside)) labels.set('com.docker.image.source.entrypoint', inside);
  return labels;
}

/** The remote that the branch follows, else `origin`, else `upstream`; never with a password. */
async function remoteUrl(ask: (...args: string[]) => Promise<string | undefined>): Promise<string | undefined> {
  const branch = await ask('symbolic-ref', '--quiet', 'HEAD');
  const followed = branch && (await ask('for-each-ref', '--format=%(upstream:remotename)', branch));
  for (const name of [followed, 'origin', 'upstream']) {
    const url = name && (await ask('remote', 'get-url', name));
    if (url) return withoutUser(url);
  }
  return undefined;
}
