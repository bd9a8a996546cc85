/** One key over every input of a build: `ctxsrc key --build`, and the list of the inputs. */
import { allOrFirstFailure } from '../core/side-by-side.ts';
import type { BuildGraph } from '../dockerfile/graph/types.ts';
import { checkText } from '../dockerfile/lint/check-text.ts';
import type { BuildAnswer, BuildKey, BuildListing, BuildRequest, BuildWork } from './answer.ts';
import type { BuildDetail } from './build-detail.ts';
import { timeOfContext } from './context-time.ts';
import { type BuiltPlatform, type ForeignFrontend, keyDocument } from './document.ts';
import { listedFrontend } from './frontend.ts';
import { type OpenBuild, openBuild } from './open-build.ts';
import type { SourceKeys } from './source-keys.ts';
import { BuildSources } from './sources.ts';
import { stepsOf } from './step/steps.ts';

/**
 * Resolves every source that the target of a Dockerfile uses, and makes one key of them.
 * @param sources those of other builds, where several share what they ask
 * @throws CtxsrcError; `E_DOCKERFILE` names the line and the instruction
 */
export async function keyOfBuild(
  request: BuildRequest,
  work: BuildWork,
  sources = new BuildSources(work),
): Promise<BuildKey> {
  const open = await openBuild(request, work, sources);
  return answered(request, work, open, lister(request, open));
}

/** As `keyOfBuild`, with the list of what the key is made of, which is asked for beside it. */
export async function buildKey(
  request: BuildRequest,
  work: BuildWork,
  sources = new BuildSources(work),
): Promise<BuildAnswer> {
  const open = await openBuild(request, work, sources);
  const listing = lister(request, open);
  const [answer, listed] = await allOrFirstFailure([answered(request, work, open, listing), listing()] as const);
  return { ...answer, ...listed };
}

type Lister = () => Promise<BuildListing>;

/** Lists once, however many ask. */
function lister({ dockerfile }: BuildRequest, open: OpenBuild): Lister {
  let listed: Promise<BuildListing> | undefined;
  return () => {
    listed ??= import('./listing.ts').then(({ listBuild }) => listBuild(open, dockerfile.name));
    return listed;
  };
}

async function answered(request: BuildRequest, work: BuildWork, open: OpenBuild, listing: Lister): Promise<BuildKey> {
  const { read, graph, keys, frontend } = open;
  const [platforms, idle, listed, foreign] = await allOrFirstFailure([
    builtPlatforms(graph, keys, work.job.signal),
    idleFindings(request, open, listing),
    frontend && listedFrontend(frontend, work),
    foreignOf(request, work, open),
  ] as const);
  return {
    ...keyDocument({ platforms, foreign, salts: [...request.salts, ...timeOfContext(graph, request)] }),
    images: graph.results,
    detail: () => detailOf(request, open, platforms, listing, listed),
    listing,
    file: request.dockerfile.name,
    path: request.dockerfile.path,
    target: request.target ?? read?.dockerfile.stages.at(-1)?.name ?? '',
    platforms: request.targetPlatforms.length > 0 ? request.targetPlatforms : [request.buildPlatform],
    frontend: listed,
    idle,
    incomplete: keys.incomplete,
  };
}

/** The rule about a `--build-arg` that no ARG declares. */
const IDLE_ARGUMENT = 'UndeclaredBuildArg';

/** The Dockerfile is checked only where a check can say something about the key, or refuse the build. */
async function idleFindings(
  { buildArgs }: BuildRequest,
  { read }: OpenBuild,
  listing: Lister,
): Promise<BuildKey['idle']> {
  if (read === undefined || (buildArgs.size === 0 && checkText(read.dockerfile, read.options) === '')) return [];
  return (await listing()).findings.filter(({ rule }) => rule === IDLE_ARGUMENT);
}

async function foreignOf(
  request: BuildRequest,
  work: BuildWork,
  { frontend, keys }: OpenBuild,
): Promise<ForeignFrontend | undefined> {
  if (frontend === undefined || frontend.isDockers) return undefined;
  const { foreignFrontend } = await import('./foreign.ts');
  return foreignFrontend(frontend.image, frontend.commandLine, request, keys, work);
}

async function builtPlatforms(graph: BuildGraph, keys: SourceKeys, signal: AbortSignal): Promise<BuiltPlatform[]> {
  return allOrFirstFailure(
    graph.results.map(async (result) => ({
      platform: result.platform,
      imageConfig: result.imageConfig,
      steps: await stepsOf(result, keys.keyOf, signal),
    })),
  );
}

async function detailOf(
  request: BuildRequest,
  { read, graph, keys }: OpenBuild,
  platforms: readonly BuiltPlatform[],
  listing: Lister,
  frontend: BuildKey['frontend'],
): Promise<BuildDetail> {
  const [{ buildDetail }, { inputDetail }, { inputs }] = await Promise.all([
    import('./detail/detail.ts'),
    import('./detail/inputs.ts'),
    listing(),
  ]);
  return buildDetail({
    request,
    dockerfile: read?.dockerfile,
    graph,
    ...(frontend && { frontend }),
    platforms,
    inputs: await inputDetail(inputs, graph, keys, read?.dockerfile),
    ignores: await keys.ignores(),
    paths: [...(await keys.paths()), ...(await pathsOfTargets(request))],
  });
}

/** What the targets that this one is built from take of directories. */
async function pathsOfTargets({ targets = new Map() }: BuildRequest): Promise<BuildDetail['paths']> {
  const lists = [...targets].map(async ([name, { detail }]) => {
    const { paths } = detail === undefined ? { paths: [] } : await detail();
    return paths.map(({ context, ...path }) => ({
      ...path,
      context: context.startsWith(OF_TARGET) ? context : `${OF_TARGET}${name}`,
    }));
  });
  return (await allOrFirstFailure(lists)).flat();
}

const OF_TARGET = 'target ';
