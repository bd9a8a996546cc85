/** The detail of a build, from everything that its key was made of. */
import { sha256 } from '../../core/digest.ts';
import type { BuildGraph } from '../../dockerfile/graph/types.ts';
import type { Dockerfile } from '../../dockerfile/parse/instruction.ts';
import type { BuildRequest } from '../answer.ts';
import type { BuildDetail, StepDetail } from '../build-detail.ts';
import type { BuiltPlatform } from '../document.ts';
import { configParts } from './config.ts';
import { instructionDetail, stageDetail } from './instructions.ts';
import { type SettingsRequest, settingDetail } from './settings.ts';

export interface DetailedBuild extends Pick<BuildDetail, 'frontend' | 'inputs' | 'ignores' | 'paths'> {
  readonly request: SettingsRequest & Pick<BuildRequest, 'dockerfile'>;
  /** Undefined where a front end that is not docker's own reads it. */
  readonly dockerfile: Dockerfile | undefined;
  readonly graph: BuildGraph;
  readonly platforms: readonly BuiltPlatform[];
}

export function buildDetail(build: DetailedBuild): BuildDetail {
  const { request, dockerfile, graph, frontend, platforms, inputs, ignores, paths } = build;
  const reached = new Set(graph.results.flatMap(({ reachable }) => reachable));
  const { targetPlatforms, buildPlatform } = request;
  return {
    file: request.dockerfile.name,
    text: sha256(request.dockerfile.bytes),
    ...(frontend && { frontend }),
    platforms: targetPlatforms.length > 0 ? targetPlatforms : [buildPlatform],
    settings: settingDetail(request, dockerfile, reached, inputs),
    stages: dockerfile === undefined ? [] : stageDetail(dockerfile, reached),
    instructions: dockerfile === undefined ? [] : instructionDetail(dockerfile, reached),
    inputs,
    ignores,
    paths,
    steps: platforms.flatMap(stepDetail),
    config: platforms.flatMap(({ platform, imageConfig }) =>
      configParts(imageConfig).map(({ name, digest }) => ({ platform, member: name, digest })),
    ),
  };
}

function stepDetail({ platform, steps }: BuiltPlatform): StepDetail[] {
  return steps.vertices.flatMap((vertices, step) =>
    vertices.flatMap(({ places }) =>
      places.map(({ line, instruction, onbuildOf }) => ({
        platform,
        step,
        line,
        instruction,
        ...(onbuildOf === undefined ? {} : { onbuildOf }),
      })),
    ),
  );
}
