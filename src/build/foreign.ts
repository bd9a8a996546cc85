/** A front end that is not docker's own: it may read anything that a build is given, so everything counts. */
import { basename, dirname, relative } from 'node:path';
import { sha256 } from '../core/digest.ts';
import { warnOrRefuse } from '../core/progress.ts';
import { shownReference } from '../core/shown-reference.ts';
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
  // The command line may be the value of a build argument: only the reference is shown.
  const shown = shownReference(String(frontend.resolved.identifier));
  warnOrRefuse(
    job,
    'E_DOUBTFUL',
    `${request.dockerfile.name}: the front end ${shown} is not docker's own: what it reads cannot be known`,
    'the key holds the front end, the Dockerfile, all options and every file of the contexts',
  );
  const config = await (await frontend.digests()).config?.();
  const given: Record<string, string> = {
    dockerfile: sha256(request.dockerfile.bytes),
    options: sha256(stableJson(optionsOf(request, commandLine))),
  };
  if (request.context !== undefined) given.context = await keys.wholeKey(request.context);
  // It may ask which commit or download a fetched context is, and for its time.
  if (request.remote?.key !== undefined) given.remote = sha256(request.remote.key);
  const folder = folderOutside(request);
  if (folder !== undefined) given['dockerfile:folder'] = await keys.wholeKey(folder);
  for (const [name, value] of request.contexts) {
    given[`context:${name}`] = sha256(await keyOfContext(value, keys));
  }
  return { image: (await frontend.key()).key, config: config ?? '', given };
}

async function keyOfContext(value: string, keys: SourceKeys): Promise<string> {
  const target = targetOfContext(value);
  if (target !== undefined) return keys.keyOfTarget(target);
  if (value.startsWith('/')) return keys.wholeKey(value);
  const source = await keys.sources.open(value);
  // It may ask for any platform of an image, and for what its configuration says.
  const { digest, manifest } = await source.digests();
  return manifest === undefined ? (await source.key()).key : digest;
}

/** The folder that the Dockerfile lies in: a front end may read all of it. Undefined where the context has it, or none. */
function folderOutside({ dockerfile: { path }, context, remote }: BuildRequest): string | undefined {
  if (path === undefined) return undefined;
  const folder = dirname(path);
  const isInside = context !== undefined && remote === undefined && !/^\.\.(?:\/|$)/.test(relative(context, folder));
  return isInside ? undefined : folder;
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
    filename: fileNameOf(request),
    context: request.remote?.ref,
  };
}

/** As buildx gives it: a Dockerfile of this machine is found in its own folder. */
function fileNameOf({ dockerfile: { name, path } }: BuildRequest): string {
  return path === undefined ? name : basename(path);
}
