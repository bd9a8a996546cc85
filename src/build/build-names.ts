/** The references of a build without digests or keys: `ctxsrc inputs --names`. */
import { shownReference } from '../core/shown-reference.ts';
import type { BuildNames, BuildRequest, BuildWork } from './answer.ts';
import { listNames } from './list-inputs.ts';
import { openBuild } from './open-build.ts';
import type { Unasked } from './resolver.ts';
import { BuildSources } from './sources.ts';

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
