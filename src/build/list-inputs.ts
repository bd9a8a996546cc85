/** The list of what a build resolves: `ctxsrc inputs`. */
import { relative } from 'node:path';
import { shownReference } from '../core/shown-reference.ts';
import { allOrFirstFailure } from '../core/side-by-side.ts';
import { stableJson } from '../core/stable-json.ts';
import type { BuildGraph, ImageRequest, Place, PlatformGraph, Vertex } from '../dockerfile/graph/types.ts';
import { readableBytes } from '../fs/byte-string.ts';
import { familiarReference, parseNormalizedReference } from '../oci/reference.ts';
import type { BuildInput, InputPlace, UnkeyedInput } from './answer.ts';
import { takesContextTime } from './context-time.ts';
import { type ContextDirectory, MAIN_CONTEXT } from './contexts.ts';
import { packageUrl } from './package-url.ts';
import { isDirectory, type SourceKeys, targetOfVertex } from './source-keys.ts';
import type { OpenSource } from './sources.ts';
import { targetReference } from './target-contexts.ts';

type Request = PlatformGraph['requests'][number];

/** Every source of a build with its digests, in the order of first use. */
export async function listInputs(graph: BuildGraph, file: string, keys: SourceKeys): Promise<BuildInput[]> {
  const inputs = await allOrFirstFailure(
    graph.results.flatMap(({ requests, vertices }) => [
      ...requests.map((request) => imageInput(request, file, keys)),
      ...vertices.filter(isOther).map((vertex) => otherInput(vertex, file, keys)),
      ...vertices.filter(isTarget).map(async (vertex) => targetInput(vertex, file, keys)),
    ]),
  );
  const listed = merged(inputs).sort((a, b) => firstLine(a) - firstLine(b));
  const { remote } = keys;
  // Its Dockerfile was read, whether or not a step takes a file of it.
  if (remote === undefined || listed.some(({ ref }) => ref === remote.ref)) return listed;
  const { kind, ref, digest, key } = remote;
  const isKeyed = takesContextTime(graph) ? defined({ key }) : { used: false as const };
  return [...listed, { kind, name: MAIN_CONTEXT, ref, at: [], ...defined({ digest }), ...isKeyed }];
}

/** The references of a build alone. */
export async function listNames(graph: BuildGraph, keys: SourceKeys): Promise<string[]> {
  const names = graph.results.flatMap(({ requests, vertices }) => [
    ...requests.map(async (request) => ({ name: shown(await keys.image(request)), at: request.places })),
    ...vertices.filter(isOther).map(async (vertex) => ({ name: await nameOf(vertex, keys), at: vertex.places })),
  ]);
  const sorted = (await allOrFirstFailure(names)).sort((a, b) => firstLine(a) - firstLine(b)).map(({ name }) => name);
  return keys.remote === undefined ? sorted : [...sorted, keys.remote.ref];
}

/** What a build sees and no key can hold. */
export function listUnkeyed(graph: BuildGraph, file: string): UnkeyedInput[] {
  return merged(
    graph.results.flatMap(({ unkeyed }) =>
      unkeyed.map(({ kind, id, places }) => ({
        kind,
        ...(id === undefined ? {} : { id: readableBytes(id) }),
        at: placesOf(places, file),
      })),
    ),
  );
}

/** A source that is no image: images are listed as they are asked for, used or not. */
function isOther(vertex: Vertex): boolean {
  const { 'git.fullurl': git, 'http.filename': download } = vertex.attrs ?? {};
  return vertex.kind === 'source' && (isDirectory(vertex) || git !== undefined || download !== undefined);
}

/** Of a bake file: what another target makes. */
function isTarget(vertex: Vertex): boolean {
  return vertex.kind === 'source' && targetOfVertex(vertex) !== undefined;
}

async function imageInput(request: Request, file: string, keys: SourceKeys): Promise<BuildInput> {
  const image = await keys.image(request);
  const digests = await image.digests();
  const { ref, platform, store, used, places } = request;
  return {
    kind: request.kind,
    name: imageName(request, image, keys),
    ref: shown(image),
    platform,
    purl: packageUrl(ref, platform, store === undefined ? 'docker' : 'oci'),
    at: placesOf(places, file),
    digest: digests.digest,
    ...defined({ mediaType: digests.mediaType, pinned: digests.pinned, config: await digests.config?.() }),
    // What reaches nothing is in no key.
    ...(used ? { key: (await image.key()).key } : { used }),
  };
}

/** As the Dockerfile calls an image. */
export function imageName({ ref, store }: ImageRequest, { resolved }: OpenSource, keys: SourceKeys): string {
  return keys.contexts.nameOf(String(resolved.identifier), store) ?? familiarReference(parseNormalizedReference(ref));
}

async function otherInput(vertex: Vertex, file: string, keys: SourceKeys): Promise<BuildInput> {
  const at = placesOf(vertex.places, file);
  if (isDirectory(vertex)) return { ...(await directoryInput(vertex, keys)), at };
  const source = await keys.open(vertex);
  const { key, pin } = await source.key();
  const { identifier } = source.resolved;
  const { checksum } = identifier.attributes;
  return {
    kind: identifier.scheme,
    name: keys.contexts.nameOf(String(identifier), undefined) ?? shown(source),
    ref: shown(source),
    at,
    ...(checksum === undefined ? {} : { checksum: String(checksum) }),
    digest: pin,
    ...defined({ pinned: identifier.pinned?.(pin) }),
    key,
  };
}

function targetInput(vertex: Vertex, file: string, keys: SourceKeys): BuildInput {
  const target = targetOfVertex(vertex)!;
  const ref = targetReference(target);
  const name = keys.contexts.nameOfTarget(target) ?? ref;
  return { kind: 'target', name, ref, at: placesOf(vertex.places, file), key: keys.keyOfTarget(target) };
}

async function directoryInput(vertex: Vertex, keys: SourceKeys): Promise<Omit<BuildInput, 'at'>> {
  const { directory, followPaths, content } = await keys.directory(vertex);
  const { kind = 'local', digest, key = content.key } = directory.remote ?? {};
  return {
    kind,
    name: directory.name,
    ref: localReference(directory),
    ...defined({
      digest,
      key,
      files: content.files,
      bytes: content.bytes,
      paths: followPaths?.map((one) => `/${one}`),
      ignoreFile: directory.ignores.name,
    }),
  };
}

async function nameOf(vertex: Vertex, keys: SourceKeys): Promise<string> {
  return isDirectory(vertex) ? localReference(await keys.directoryOf(vertex)) : shown(await keys.open(vertex));
}

/** A path is seen from the current directory. */
function localReference({ path, remote }: ContextDirectory): string {
  return remote?.ref ?? `local://${path === undefined ? '' : relative('', path) || '.'}`;
}

function shown({ resolved }: OpenSource): string {
  return shownReference(String(resolved.identifier));
}

function placesOf(places: readonly Place[], file: string): InputPlace[] {
  return places.map(({ line, instruction, onbuildOf }) => ({ file, line, instruction, ...defined({ onbuildOf }) }));
}

/** What is the same apart from its places, as for several platforms, stands once with all places. */
function merged<T extends { readonly at: readonly InputPlace[] }>(list: readonly T[]): T[] {
  const found = new Map<string, T>();
  for (const one of list) {
    const { at, ...rest } = one;
    const identity = stableJson(rest);
    const known = found.get(identity);
    found.set(identity, known === undefined ? one : { ...known, at: union(known.at, at) });
  }
  return [...found.values()];
}

function union(a: readonly InputPlace[], b: readonly InputPlace[]): InputPlace[] {
  const known = new Set(a.map(stableJson));
  return [...a, ...b.filter((place) => !known.has(stableJson(place)))];
}

/** A source that a context brings in without any instruction comes last. */
function firstLine({ at }: { readonly at: readonly { readonly line: number }[] }): number {
  return at.reduce((first, { line }) => Math.min(first, line), Number.POSITIVE_INFINITY);
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
function defined<T extends object>(members: T): Defined<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>;
}
