/**
 * What a build is asked to do: the words of a `docker buildx build` line and the environment they are read in, made
 * into the options that BuildKit's front end gets. Nothing is resolved yet, and no server is asked.
 */
import type { BuildRequest } from '../answer.ts';
import { type FetchContext, readMainContext } from './context.ts';
import { type Doubt, readEnvironment } from './environment.ts';
import type { BuildLine, Environment } from './line.ts';
import { frontendOptions } from './option-values.ts';
import { isTrue, readPairs, readSalts } from './pairs.ts';
import { readBuildPlatform, readTargetPlatforms } from './platforms.ts';
import { policyDoubts } from './policy.ts';

export interface ReadOptions {
  readonly env: Environment;
  readonly cwd: string;
  readonly fetch: (ref: string, keepGitDir: boolean) => ReturnType<FetchContext>;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadRequest {
  readonly request: BuildRequest;
  /** What a person should know of how the line was read. */
  readonly notes: readonly string[];
  /** What leaves the decision open: a warning each, refused under `--strict`. */
  readonly doubts: readonly Doubt[];
}

/**
 * Reads a build line.
 * @param options.cwd the directory of relative paths
 * @param options.fetch fetches a context that is not on this machine
 */
export async function readRequest(line: BuildLine, { env, cwd, fetch, signal }: ReadOptions): Promise<ReadRequest> {
  const targetPlatforms = readTargetPlatforms(line.platforms, env);
  const contexts = await namedContexts(line, cwd);
  const salts = readSalts(line.salts);
  const found = await readEnvironment(line, env, cwd, signal);
  const keepGitDir = isTrue(found.buildArgs.get('BUILDKIT_CONTEXT_KEEP_GIT_DIR'));
  const main = await readMainContext(line, cwd, (ref) => fetch(ref, keepGitDir), signal);
  return {
    request: {
      dockerfile: main.dockerfile,
      context: main.context,
      remote: main.remote,
      target: line.target || undefined,
      buildArgs: found.buildArgs,
      targetPlatforms,
      platformAsked: targetPlatforms.length > 0,
      buildPlatform: readBuildPlatform(line.buildPlatform),
      contexts,
      labels: new Map([...found.labels, ...readPairs('--label', line.labels)]),
      frontendOptions: frontendOptions(line, found.buildArgs),
      salts,
      modes: line.modes,
    },
    notes: [...main.notes, ...found.notes],
    doubts: [...found.doubts, ...policyDoubts(line.policies ?? [], main.dockerfile.path)],
  };
}

/** What reads them is loaded only where there are some. */
async function namedContexts({ buildContexts }: BuildLine, cwd: string): Promise<BuildRequest['contexts']> {
  if (buildContexts.length === 0) return new Map();
  const { readNamedContexts } = await import('./named-contexts.ts');
  return readNamedContexts(buildContexts, cwd);
}
