/** What a build consists of: BuildKit's operations for the target, one graph for each platform. */
import { CtxsrcError } from '../../core/errors.ts';
import { formatPlatformAll } from '../../core/platform.ts';
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import { PatternMatcher } from '../../fs/match/patterns.ts';
import { Slices } from '../../fs/walk/slices.ts';
import type { Dockerfile } from '../parse/instruction.ts';
import { Build } from './build.ts';
import { buildStage } from './build-stage.ts';
import { declareStages } from './declared-stages.ts';
import { writeDefinition } from './definition.ts';
import { linkStages } from './dependencies.ts';
import { setPlatform, writeImage } from './image-config.ts';
import type { Answers } from './image-requests.ts';
import { resolveStages } from './onbuild.ts';
import { resolveEpoch } from './source-date-epoch.ts';
import { followPathsOf } from './source-operation.ts';
import type { Stage, Stages } from './stages.ts';
import type { BuildGraph, BuildOptions, BuildResolver, ImageRequest, PlatformGraph, Vertex } from './types.ts';

/**
 * Makes the graph of a Dockerfile's target as docker's own front end does, with the configurations of its base images.
 * Images are asked for side by side, each with its platform once.
 * @throws CtxsrcError; `E_DOCKERFILE` with the place where the Dockerfile is wrong; the reason of the signal
 */
export async function buildGraph(
  dockerfile: Dockerfile,
  options: BuildOptions,
  resolver: BuildResolver,
  signal?: AbortSignal,
): Promise<BuildGraph> {
  const asked = options.platformAsked && options.targetPlatforms.length > 0 ? options.targetPlatforms : [undefined];
  const answers: Answers = new Map();
  const graphs = asked.map((platform) => platformGraph(dockerfile, options, platform, resolver, answers, signal));
  return { results: await allOrFirstFailure(graphs) };
}

async function platformGraph(
  dockerfile: Dockerfile,
  options: BuildOptions,
  askedPlatform: string | undefined,
  resolver: BuildResolver,
  answers: Answers,
  signal: AbortSignal | undefined,
): Promise<PlatformGraph> {
  const slices = new Slices(signal, () => undefined);
  const build = new Build(dockerfile, options, askedPlatform, resolver, answers);
  await resolveEpoch(build, dockerfile);
  const stages = declareStages(dockerfile, build);
  const target = targetOf(stages, options);
  linkStages(stages, dockerfile, options.fileName);
  const reached = await resolveStages(stages, target, build);
  // BuildKit reads the ignore file in any case: a pattern that is none fails every build.
  new PatternMatcher(options.contextExcludes);
  for (const stage of stages.list) {
    if (reached.has(stage) && !stage.done) await buildStage(stage, build, slices);
  }
  target.paths.add('/');
  return finished(build, target, reached, slices);
}

function targetOf(stages: Stages, options: BuildOptions): Stage {
  if (!options.target) return stages.list.at(-1)!;
  const stage = stages.find(options.target);
  if (stage !== undefined) return stage;
  const names = stages.names();
  throw new CtxsrcError('E_DOCKERFILE', `${options.fileName} has no stage ${JSON.stringify(options.target)}`, {
    hint: names.length === 0 ? 'no stage has a name: write FROM … AS NAME' : `its stages are ${names.join(', ')}`,
  });
}

async function finished(
  build: Build,
  target: Stage,
  reached: ReadonlySet<Stage>,
  slices: Slices,
): Promise<PlatformGraph> {
  const { image } = target;
  for (const [name, value] of build.options.labels) image.config.labels.set(name, value);
  if (build.askedPlatform !== undefined) setPlatform(image, build.askedPlatform);
  const { vertices, result } = await writeDefinition(target.files, slices);
  const sources = sourceNames(vertices);
  return {
    platform: formatPlatformAll(build.target),
    vertices,
    result,
    reachable: [...reached].flatMap(({ facts }) => facts.number ?? []).sort((a, b) => a - b),
    imageConfig: writeImage(image),
    requests: build.requests.list().map((request) => ({ ...request, used: sources.has(sourceName(request)) })),
    context: contextOf(build, vertices),
    takesContextTime: build.takesContextTime,
    unkeyed: build.unkeyed,
  };
}

/** What the vertices ask for, with its digest and without. */
function sourceNames(vertices: readonly Vertex[]): ReadonlySet<string> {
  const names = vertices.flatMap(({ kind, op, platform }) => {
    if (kind !== 'source') return [];
    const identifier = String(op.identifier);
    return [identifier, identifier.split('@', 1)[0]!].map((name) => `${platform} ${name}`);
  });
  return new Set(names);
}

function sourceName({ kind, ref, platform }: ImageRequest): string {
  return `${platform} ${kind}://${ref}`;
}

function contextOf(build: Build, vertices: readonly Vertex[]): PlatformGraph['context'] {
  const { op, attrs } = build.context.operation.describe(() => -1);
  const used = vertices.some((vertex) => {
    return (
      vertex.op.identifier === op.identifier && vertex.attrs?.['local.sharedkeyhint'] === attrs?.['local.sharedkeyhint']
    );
  });
  if (!used) return undefined;
  const followPaths = followPathsOf(build.contextPaths);
  const { contextExcludes } = build.options;
  return {
    ...(followPaths === undefined ? {} : { followPaths }),
    ...(contextExcludes.length === 0 ? {} : { exclude: contextExcludes }),
  };
}
