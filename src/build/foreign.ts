/** A front end that is not docker's own: it may read anything that a build is given, so everything counts. */
import { sha256 } from '../core/digest.ts';
import { warnOrRefuse } from '../core/progress.ts';
import { stableJson } from '../core/stable-json.ts';
import type { BuildRequest, BuildWork } from './answer.ts';
import type { ForeignFrontend } from './document.ts';
import type { SourceKeys } from './source-keys.ts';
import type { OpenSource } from './sources.ts';
import { targetOfContext } from './target-contexts.ts';

/**
 * All that a foreign front end is given, by digests.
 * @param commandLine the whole value of `# syntax=`
 */
export async function foreignFrontend(
  frontend: OpenSource,
  commandLine: string,
  request: BuildRequest,
  keys: SourceKeys,
  { job }: BuildWork,
): Promise<ForeignFrontend> {
  warnOrRefuse(
    job,
    'E_DOUBTFUL',
    `${request.dockerfile.name}: the front end ${commandLine} is not docker's own: what it reads cannot be known`,
    'the key holds the front end, the Dockerfile, all options and every file of the contexts',
  );
  const config = await (await frontend.digests()).config?.();
  const given: Record<string, string> = {
    dockerfile: sha256(request.dockerfile.bytes),
    options: sha256(stableJson(optionsOf(request, commandLine))),
  };
  if (request.context !== undefined) given.context = await keys.wholeKey(request.context);
  for (const [name, value] of request.contexts) {
    given[`context:${name}`] = sha256(await keyOfContext(value, keys));
  }
  return { image: (await frontend.key()).key, config: config ?? '', given };
}

async function keyOfContext(value: string, keys: SourceKeys): Promise<string> {
  const target = targetOfContext(value);
  if (target !== undefined) return keys.keyOfTarget(target);
  return value.startsWith('/') ? keys.wholeKey(value) : (await (await keys.sources.open(value)).key()).key;
}

function optionsOf(request: BuildRequest, commandLine: string): unknown {
  const { target, buildArgs, targetPlatforms, platformAsked, buildPlatform, labels, frontendOptions } = request;
  return {
    commandLine,
    target,
    targetPlatforms,
    platformAsked,
    buildPlatform,
    buildArgs: Object.fromEntries(buildArgs),
    labels: Object.fromEntries(labels),
    frontendOptions: Object.fromEntries(frontendOptions),
    filename: request.dockerfile.name,
  };
}
