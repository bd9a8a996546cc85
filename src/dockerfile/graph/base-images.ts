/** Asks for what the stages are built upon and take files from: one round, all images of it side by side. */
import { isCtxsrcError } from '../../core/errors.ts';
import { normalizePlatform } from '../../core/platform.ts';
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import { formatReference, type ImageReference, parseNormalizedReference, withDefaultTag } from '../../oci/reference.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Build } from './build.ts';
import { unsetHint } from './declared-stages.ts';
import { withPlace } from './failure.ts';
import { emptyImage, hasNoLayers, readImage } from './image-config.ts';
import { loadContext } from './named-contexts.ts';
import { imageSource } from './source-operation.ts';
import type { Stage } from './stages.ts';

/**
 * Resolves the images of the stages that are reached. Of the others only the reference is checked. If several fail, the
 * first of the Dockerfile is told.
 */
export async function resolveImages(
  stages: readonly Stage[],
  reached: ReadonlySet<Stage>,
  build: Build,
): Promise<void> {
  const asked = stages
    .filter((stage) => stage.base === undefined && !stage.done && !stage.resolved)
    .map(async (stage) => {
      try {
        await resolveImage(stage, reached.has(stage), build);
      } catch (error) {
        throw withPlace(error, build.options.fileName, stage.facts.place);
      }
    });
  await allOrFirstFailure(asked);
}

async function resolveImage(stage: Stage, reached: boolean, build: Build): Promise<void> {
  const { base, context, number } = stage.facts;
  stage.resolved = reached;
  if (base === 'scratch' && context === undefined) {
    stage.image = emptyImage(build.target);
    stage.platform = build.target;
  } else {
    const reference = baseReference(stage, build);
    if (!reached) leaveUnasked(stage, reference, build);
    else if (context !== undefined) await replaceStage(stage, build);
    else await loadBase(stage, reference, build);
  }
  // An image that an instruction names has no steps of its own.
  if (number === undefined) stage.done = true;
}

/** What only a trigger leads to later is taken as it is named: BuildKit asks for no configuration of it any more. */
function leaveUnasked(stage: Stage, reference: ImageReference, build: Build): void {
  const { number, place } = stage.facts;
  if (number === undefined) stage.files = imageSource(formatReference(reference), build.target, [place]);
}

function baseReference(stage: Stage, build: Build): ImageReference {
  const { base, place, written } = stage.facts;
  try {
    return withDefaultTag(parseNormalizedReference(base));
  } catch (error) {
    if (!isCtxsrcError(error)) throw error;
    const hint = place.instruction === 'FROM' ? unsetHint(written, build) : undefined;
    throw new DockerfileProblem(error.message, hint ?? error.hint);
  }
}

/** A named context of the stage's own name: its steps are not done. */
async function replaceStage(stage: Stage, build: Build): Promise<void> {
  const loaded = await loadContext(stage.facts.context!, stage.paths, stage.facts.place, build);
  stage.done = true;
  stage.files = loaded.files;
  stage.runPlatform = loaded.runPlatform && normalizePlatform(loaded.runPlatform);
  if (loaded.image === undefined) return;
  stage.image = loaded.image;
  stage.platform = loaded.imagePlatform ?? stage.platform;
}

async function loadBase(stage: Stage, reference: ImageReference, build: Build): Promise<void> {
  const { place } = stage.facts;
  const platform = stage.facts.platform ?? build.target;
  stage.platform = platform;
  const name = formatReference(reference);
  const context = build.contexts.find(name, platform);
  if (context !== undefined) {
    const loaded = await loadContext(context, stage.paths, place, build);
    stage.image = loaded.image ?? emptyImage(platform);
    stage.files = loaded.files;
    stage.runPlatform = normalizePlatform(platform);
    return;
  }
  const { digest, config } = await build.requests.ask('docker-image', { ref: name, platform }, place);
  stage.image = readImage(config, name);
  if (hasNoLayers(stage.image)) return;
  const pinned = formatReference({ ...reference, digest: digest as ImageReference['digest'] });
  stage.files = imageSource(pinned, platform, [place], resolveMode(build));
  stage.runPlatform = normalizePlatform(platform);
}

function resolveMode({ options }: Build): string {
  const mode = options.frontendOptions.get('image-resolve-mode') ?? '';
  return mode === 'default' ? '' : mode;
}
