/** The first half of every question about a build: its Dockerfile read, its graph made, its sources opened. */
import { isCtxsrcError } from '../core/errors.ts';
import { buildGraph } from '../dockerfile/graph/build-graph.ts';
import type { BuildGraph, BuildOptions } from '../dockerfile/graph/types.ts';
import { parseDockerfile } from '../dockerfile/parse/dockerfile.ts';
import type { Dockerfile } from '../dockerfile/parse/instruction.ts';
import { Slices } from '../fs/walk/slices.ts';
import type { BuildRequest, BuildWork } from './answer.ts';
import { type ContextDirectory, openContexts, openMainContext } from './contexts.ts';
import { type AskedFrontend, askedFrontend } from './frontend.ts';
import { buildResolver, type Unasked } from './resolver.ts';
import { SourceKeys } from './source-keys.ts';
import type { BuildSources } from './sources.ts';

/** A Dockerfile that docker's own front end reads, with the graph that it makes of it. */
export interface ReadBuild {
  readonly dockerfile: Dockerfile;
  readonly options: BuildOptions;
  readonly graph: BuildGraph;
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
    return { read: undefined, main, graph: { results: [] }, keys, frontend };
  }
  const read = await withPath(request.dockerfile.path, async () => {
    // A Dockerfile of megabytes takes seconds: an abort is heard in between.
    const slices = new Slices(work.job.signal, () => undefined);
    const dockerfile = parseDockerfile(request.dockerfile.bytes, request.dockerfile.name);
    if (slices.over) await slices.pause();
    const options = {
      ...request,
      fileName: request.dockerfile.name,
      namedContexts: contexts.values,
      contextExcludes: main.ignores.exclude,
    };
    const graph = await buildGraph(dockerfile, options, buildResolver(keys, work.job, unasked), work.job.signal);
    return { dockerfile, options, graph };
  });
  return { read, main, graph: read.graph, keys, frontend };
}

/** An error with a line of the Dockerfile gets the path, for those who show it there. */
async function withPath<T>(path: string | undefined, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (path === undefined || !isCtxsrcError(error) || error.details?.line === undefined) throw error;
    throw error.with({ details: { path } });
  }
}
