/** What is doubtful in the Dockerfile of a build. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stableJson } from '../core/stable-json.ts';
import type { ImageConfig, ImageRequest } from '../dockerfile/graph/types.ts';
import { type Finding, lint } from '../dockerfile/lint/lint.ts';
import type { ContextDirectory } from './contexts.ts';
import type { ReadBuild } from './open-build.ts';
import type { SourceKeys } from './source-keys.ts';

/**
 * The findings for all platforms, each once.
 * @throws CtxsrcError as `lint`
 */
export async function findingsOf(
  { dockerfile, options, graph }: ReadBuild,
  main: ContextDirectory,
  keys: SourceKeys,
): Promise<Finding[]> {
  const configs = new Map<string, ImageConfig>();
  for (const request of graph.results.flatMap(({ requests }) => requests)) {
    configs.set(nameOf(request), await (await keys.image(request)).imageConfig());
  }
  const findings = graph.results.flatMap((result) =>
    lint(dockerfile, {
      options,
      graph: result,
      configOf: (request) => configs.get(nameOf(request)),
      ignoreFile: main.ignores.name,
      hasGitDirectory: main.path !== undefined && existsSync(join(main.path, '.git')),
    }),
  );
  return [...new Map(findings.map((finding) => [stableJson(finding), finding])).values()];
}

function nameOf({ kind, ref, platform, store }: ImageRequest): string {
  return [kind, store, ref, platform].join(' ');
}
