/** One key over every input of a build: `ctxsrc key --build`, and the list of the inputs. */
import { shownReference } from '../core/shown-reference.ts';
import { allOrFirstFailure } from '../core/side-by-side.ts';
import { buildGraph } from '../dockerfile/graph/build-graph.ts';
import type { BuildGraph } from '../dockerfile/graph/types.ts';
import { parseDockerfile } from '../dockerfile/parse/dockerfile.ts';
import { Slices } from '../fs/walk/slices.ts';
import type { BuildAnswer, BuildInput, BuildNames, BuildRequest, BuildWork } from './answer.ts';
import type { BuildDetail } from './build-detail.ts';
import { type ContextDirectory, openContexts, openMainContext } from './contexts.ts';
import { type BuiltPlatform, keyDocument } from './document.ts';
import { findingsOf, type ReadBuild } from './findings.ts';
import { foreignFrontend } from './foreign.ts';
import { type AskedFrontend, askedFrontend, listedFrontend } from './frontend.ts';
import { listInputs, listNames, listUnkeyed, takesContextTime } from './list-inputs.ts';
import { buildResolver, type Unasked } from './resolver.ts';
import { SourceKeys } from './source-keys.ts';
import { BuildSources } from './sources.ts';
import { stepsOf } from './step/steps.ts';

/**
 * Resolves every source that the target of a Dockerfile uses, and makes one key of them.
 * @param sources those of other builds, where several share what they ask
 * @throws CtxsrcError; `E_DOCKERFILE` names the line and the instruction
 */
export async function buildKey(
  request: BuildRequest,
  work: BuildWork,
  sources = new BuildSources(work),
): Promise<BuildAnswer> {
  const open = await openBuild(request, work, sources);
  const { read, main, graph, keys, frontend } = open;
  const file = request.dockerfile.name;
  const [platforms, inputs, findings, listed, foreign] = await allOrFirstFailure([
    builtPlatforms(graph, keys, work.job.signal),
    listInputs(graph, file, keys),
    read === undefined ? [] : findingsOf(read, main, keys),
    frontend && listedFrontend(frontend, work),
    frontend && !frontend.isDockers
      ? foreignFrontend(frontend.image, frontend.commandLine, request, keys, work)
      : undefined,
  ] as const);
  return {
    ...keyDocument({ platforms, foreign, salts: [...request.salts, ...timeOfContext(graph, request)] }),
    images: graph.results,
    detail: () => detailOf(request, open, platforms, inputs, listed),
    file,
    path: request.dockerfile.path,
    target: request.target ?? read?.dockerfile.stages.at(-1)?.name ?? '',
    platforms: request.targetPlatforms.length > 0 ? request.targetPlatforms : [request.buildPlatform],
    frontend: listed,
    inputs,
    unkeyed: listUnkeyed(graph, file),
    findings,
    incomplete: keys.incomplete,
  };
}

/** The references of a build alone. Configurations of bases are asked for; with `offline` those in the store only. */
export async function buildNames(
  request: BuildRequest,
  work: BuildWork,
  sources = new BuildSources(work),
): Promise<BuildNames> {
  const unasked: Unasked = new Set();
  const { graph, keys, frontend } = await openBuild(request, work, sources, unasked);
  const refs = await listNames(graph, keys);
  return {
    refs: [...new Set([...(frontend === undefined ? [] : [String(frontend.image.resolved.identifier)]), ...refs])],
    unasked: [...unasked].map(shownReference),
    images: graph.results,
  };
}

/** A build whose sources are asked for, and whose files are not read. */
export interface OpenBuild {
  /** Undefined where another front end than docker's reads the file. */
  readonly read: ReadBuild | undefined;
  readonly main: ContextDirectory;
  readonly graph: BuildGraph;
  readonly keys: SourceKeys;
  readonly frontend: AskedFrontend | undefined;
}

/** @param unasked collects the bases that cannot be asked for; without it that is an error */
export async function openBuild(
  request: BuildRequest,
  work: BuildWork,
  sources: BuildSources,
  unasked?: Unasked,
): Promise<OpenBuild> {
  const frontend = await askedFrontend(request, sources);
  const contexts = await openContexts(request, sources, work);
  const main = await openMainContext(request, work);
  const keys = new SourceKeys(sources, contexts, main, request, work);
  if (frontend !== undefined && !frontend.isDockers) {
    return { read: undefined, main, graph: { frontend: undefined, results: [] }, keys, frontend };
  }
  // Of a Dockerfile of megabytes each of these takes seconds: an abort is heard in between.
  const slices = new Slices(work.job.signal, () => undefined);
  const dockerfile = parseDockerfile(request.dockerfile.bytes, request.dockerfile.name);
  if (slices.over) await slices.pause();
  const options = {
    ...request,
    fileName: request.dockerfile.name,
    namedContexts: contexts.values,
    contextExcludes: main.ignores.exclude,
  };
  const graph = await buildGraph(dockerfile, options, buildResolver(keys, work.job, unasked));
  if (slices.over) await slices.pause();
  return { read: { dockerfile, options, graph }, main, graph, keys, frontend };
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

/** Where the time of a fetched context counts, it is which commit or download it is that decides. */
function timeOfContext(graph: BuildGraph, { remote }: BuildRequest): [name: string, value: string][] {
  return takesContextTime(graph) && remote?.key !== undefined ? [['SOURCE_DATE_EPOCH', remote.key]] : [];
}

async function detailOf(
  request: BuildRequest,
  { read, graph, keys }: OpenBuild,
  platforms: readonly BuiltPlatform[],
  inputs: readonly BuildInput[],
  frontend: BuildAnswer['frontend'],
): Promise<BuildDetail> {
  const [{ buildDetail }, { inputDetail }] = await Promise.all([
    import('./detail/detail.ts'),
    import('./detail/inputs.ts'),
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
