/** What of a build can be pinned: its images, downloads and git sources, its front end, and its named contexts. */
import type { Attributes } from '../contract/index.ts';
import { warnOrRefuse } from '../core/progress.ts';
import { shownReference } from '../core/shown-reference.ts';
import { allOrFirstFailure } from '../core/side-by-side.ts';
import type { ImageRequest, Place, Vertex } from '../dockerfile/graph/types.ts';
import { contextName, imageOf } from '../source/foreign-forms.ts';
import type { BuildRequest, BuildWork } from './answer.ts';
import { type OpenBuild, openBuild } from './open-build.ts';
import { BuildSources, referenceOf } from './sources.ts';

export interface BuildPin {
  /** In a lock file. Of what a named context can stand for, the name that a build looks it up by. */
  readonly name: string;
  readonly ref: string;
  readonly attributes: Attributes;
  /** Of an image all that it is asked for, `attributes` the first. */
  readonly platforms: readonly string[];
  /** Where the Dockerfile names it; nowhere for a named context. */
  readonly places: readonly Place[];
}

/**
 * The pins of a build, in the order of its Dockerfile. The files of the main context are not read.
 * @throws CtxsrcError as `buildKey`
 */
export async function buildPins(request: BuildRequest, work: BuildWork): Promise<BuildPin[]> {
  const build = await openBuild({ ...request, context: undefined }, work, new BuildSources(work));
  if (build.read === undefined) {
    warnOrRefuse(
      work.job,
      'E_DOUBTFUL',
      `${request.dockerfile.name}: the front end is not docker's own: which images it asks for cannot be known`,
      'name them by themselves: ctxsrc lock NAME=docker-image://IMAGE',
    );
  }
  const pins = [
    ...frontendPin(build, request),
    ...contextPins(request),
    ...imagePins(build),
    ...(await otherPins(build)),
  ];
  return merged(pins);
}

/** A front end is asked for by its own name: no named context stands for it. */
function frontendPin({ frontend }: OpenBuild, { buildPlatform }: BuildRequest): BuildPin[] {
  if (frontend === undefined) return [];
  const { identifier } = frontend.image.resolved;
  const name = `SYNTAX:${frontend.commandLine.trim().split(' ', 1)[0]}`;
  const attributes = { platform: buildPlatform };
  return [{ name, ref: String(identifier), attributes, platforms: [buildPlatform], places: [] }];
}

/** All that were given, used or not. A directory is held by its key. */
function contextPins({ contexts, targetPlatforms, buildPlatform }: BuildRequest): BuildPin[] {
  const platforms = targetPlatforms.length > 0 ? targetPlatforms : [buildPlatform];
  return [...contexts].map(([name, ref]) => {
    const isImage = /^(?:docker-image|oci-layout):/.test(ref);
    const attributes: Attributes = isImage ? { platform: platforms[0]! } : {};
    return { name, ref, attributes, platforms: isImage ? platforms : [], places: [] };
  });
}

function imagePins({ graph, keys, read }: OpenBuild): BuildPin[] {
  const stages = new Set(read?.dockerfile.stages.map(({ name }) => name));
  return graph.results.flatMap(({ requests, vertices }) =>
    requests
      .filter((request) => !keys.isNamed(request) || isAskedForByName(request, vertices))
      .map(({ ref, platform, places }) => {
        const name = contextName(ref) ?? ref;
        return {
          // A context of a stage's name would stand for the stage.
          name: stages.has(name) ? `FROM:${name}` : name,
          ref: imageOf(ref),
          attributes: { platform },
          platforms: [platform],
          places,
        };
      }),
  );
}

/** An image that an instruction names as well as a context does: only the operation of the former has a digest. */
function isAskedForByName({ kind, ref }: ImageRequest, vertices: readonly Vertex[]): boolean {
  return vertices.some(({ op }) => String(op.identifier).startsWith(`${kind}://${ref}@`));
}

/** What ADD fetches, unless it is what a named context is, too. */
async function otherPins({ graph, keys }: OpenBuild): Promise<BuildPin[]> {
  const pins = graph.results
    .flatMap(({ vertices }) => vertices)
    .filter(({ attrs }) => attrs?.['git.fullurl'] !== undefined || attrs?.['http.filename'] !== undefined)
    .map(async (vertex) => {
      const { text, attributes } = referenceOf(vertex, keys.contexts.layouts);
      const { identifier } = (await keys.open(vertex)).resolved;
      if (keys.contexts.nameOf(String(identifier), undefined) !== undefined) return [];
      return [{ name: addName(text), ref: text, attributes, platforms: [], places: vertex.places }];
    });
  return (await allOrFirstFailure(pins)).flat();
}

/** A name of an entry holds neither `://` nor `=`. */
function addName(ref: string): string {
  return `ADD:${shownReference(ref)
    .replace(/^[a-z]+:\/\//, '')
    .replace(/=/g, '%3D')}`;
}

/** Each name once, with the platforms and places of all. */
function merged(pins: readonly BuildPin[]): BuildPin[] {
  const found = new Map<string, BuildPin>();
  for (const pin of pins) {
    const known = found.get(pin.name);
    found.set(pin.name, {
      ...(known ?? pin),
      platforms: [...new Set([...(known?.platforms ?? []), ...pin.platforms])],
      places: [...(known?.places ?? []), ...pin.places],
    });
  }
  return [...found.values()];
}
