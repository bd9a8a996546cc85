/**
 * The documents of an image, decoded as containerd decodes them (by the rules of Go's `encoding/json`). Digests and
 * sizes are not checked here; `usable` checks a descriptor before it is used, so that a bad descriptor of another
 * platform does no harm.
 */
import { digestProblem } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import * as go from '../core/go/json-decode.ts';
import { IMAGE_INVALID } from '../core/integrity-hints.ts';
import { shortened } from '../core/printable.ts';
import { isIndexType, isManifestType, isSchema1Type, MEDIA_TYPE } from './media-types.ts';
import type { Descriptor, ImageConfig, Index, Manifest, Raw } from './types.ts';

/** A manifest, index or configuration larger than this (bytes) is refused with `E_LIMIT`. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

const platform = {
  architecture: go.text,
  os: go.text,
  variant: go.text,
  'os.version': go.text,
  'os.features': go.list(go.text),
};
const descriptor = go.struct({
  mediaType: go.text,
  digest: go.text,
  size: go.int64,
  urls: go.list(go.text),
  annotations: go.map(go.text),
  data: go.base64,
  platform: go.pointer(go.struct(platform)),
  artifactType: go.text,
});
const manifest = go.struct({
  schemaVersion: go.int64,
  mediaType: go.text,
  artifactType: go.text,
  config: descriptor,
  layers: go.list(descriptor),
  subject: go.pointer(descriptor),
  annotations: go.map(go.text),
});
const index = go.struct({
  schemaVersion: go.int64,
  mediaType: go.text,
  artifactType: go.text,
  manifests: go.list(descriptor),
  subject: go.pointer(descriptor),
  annotations: go.map(go.text),
});
const nameSet = go.map(go.struct({}));
/** The members of a configuration that every reader of images looks at. */
export const RUN_CONFIG = {
  User: go.text,
  ExposedPorts: nameSet,
  Env: go.list(go.text),
  Entrypoint: go.list(go.text),
  Cmd: go.list(go.text),
  Volumes: nameSet,
  WorkingDir: go.text,
  Labels: go.map(go.text),
  StopSignal: go.text,
  ArgsEscaped: go.bool,
};
export const HISTORY = go.list(
  go.struct({
    created: go.pointer(go.time),
    created_by: go.text,
    author: go.text,
    comment: go.text,
    empty_layer: go.bool,
  }),
);
const image = go.struct({
  ...platform,
  created: go.pointer(go.time),
  author: go.text,
  config: go.struct(RUN_CONFIG),
  rootfs: go.struct({ type: go.text, diff_ids: go.list(go.text) }),
  history: HISTORY,
});
/** The members that show the kind of a document, whatever media type it states. */
const outline = go.struct({
  mediaType: go.text,
  config: go.presence,
  layers: go.presence,
  manifests: go.presence,
  fsLayers: go.presence,
});

type DecodedPlatform = go.Decoded<typeof image>;

/** In a platform, absent and empty mean the same; the result uses the absent form. */
function platformOf(value: Pick<DecodedPlatform, keyof typeof platform>): NonNullable<Descriptor['platform']> {
  return {
    architecture: value.architecture,
    os: value.os,
    ...(value.variant === '' ? {} : { variant: value.variant }),
    ...(value['os.version'] === '' ? {} : { 'os.version': value['os.version'] }),
    ...(value['os.features'].length === 0 ? {} : { 'os.features': value['os.features'] }),
  };
}

function descriptorOf(value: go.Decoded<typeof descriptor>): Descriptor {
  const { mediaType, size, urls, annotations, artifactType } = value;
  return {
    mediaType,
    digest: value.digest as Descriptor['digest'],
    size,
    ...(value.platform === undefined ? {} : { platform: platformOf(value.platform) }),
    ...(annotations.size === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    ...(artifactType === '' ? {} : { artifactType }),
    ...(urls.length === 0 ? {} : { urls }),
  };
}

function invalidManifest(what: string, problem: string): CtxsrcError {
  return new CtxsrcError('E_MANIFEST_INVALID', `${what} is not valid: ${problem}`, { hint: IMAGE_INVALID });
}

/** The error for images of schema 1, which Docker no longer supports either. */
export function schema1Error(what: string): CtxsrcError {
  return new CtxsrcError(
    'E_SCHEMA1',
    `${what} is refused: image manifests of version 2, schema 1, are no longer supported`,
    {
      hint: 'push the image again with a current tool: it will be converted to schema 2 or OCI',
    },
  );
}

/**
 * Checks a descriptor before it is used.
 * @param where the document and the path in it, for the message
 * @throws E_MANIFEST_INVALID
 */
export function usable(entry: Descriptor, where: string): Descriptor {
  const problem = digestProblem(entry.digest);
  if (problem !== undefined)
    throw invalidManifest(where, `digest: ${problem}: ${JSON.stringify(shortened(entry.digest))}`);
  if (entry.size < 0) throw invalidManifest(where, `size: ${entry.size} is negative`);
  return entry;
}

/**
 * Decodes a document, which has to be of the kind that its descriptor states (3.3).
 * @throws E_SCHEMA1, E_MANIFEST_INVALID
 */
function readKind(bytes: Uint8Array, mediaType: string, what: string): <T>(shape: go.Shape<T>) => T {
  if (isSchema1Type(mediaType)) throw schema1Error(what);
  const decode = go.readGoJson(bytes, (problem) => invalidManifest(what, problem));
  const found = decode(outline);
  if (found.fsLayers) throw schema1Error(what);
  if (isManifestType(mediaType) && (found.manifests || isIndexType(found.mediaType))) {
    throw invalidManifest(what, `an index where a manifest (${mediaType}) was expected`);
  }
  if (isIndexType(mediaType) && (found.config || found.layers || isManifestType(found.mediaType))) {
    throw invalidManifest(what, `a manifest where an index (${mediaType}) was expected`);
  }
  return decode;
}

/**
 * A manifest of the media type that its descriptor names. Its configuration and layers are checked by `usable`.
 * @throws E_SCHEMA1, E_MANIFEST_INVALID
 */
export function decodeManifest(bytes: Uint8Array, mediaType: string, what: string): Raw<Manifest> {
  const value = readKind(bytes, mediaType, what)(manifest);
  return {
    bytes,
    value: {
      mediaType,
      ...(value.artifactType === '' ? {} : { artifactType: value.artifactType }),
      config: usable(descriptorOf(value.config), `config of ${what}`),
      layers: value.layers.map((layer, i) => usable(descriptorOf(layer), `layers[${i}] of ${what}`)),
      annotations: Object.fromEntries(value.annotations),
    },
  };
}

/**
 * An index of the media type that its descriptor names. Its entries are not checked.
 * @throws E_SCHEMA1, E_MANIFEST_INVALID
 */
export function decodeIndex(bytes: Uint8Array, mediaType: string, what: string): Raw<Index> {
  const value = readKind(bytes, mediaType, what)(index);
  return {
    bytes,
    value: {
      mediaType,
      manifests: value.manifests.map(descriptorOf),
      annotations: Object.fromEntries(value.annotations),
    },
  };
}

/** An image configuration. Its diff IDs are not validated. */
export function decodeConfig(bytes: Uint8Array, what: string): Raw<ImageConfig> {
  const value = go.decodeGoJson(bytes, image, (problem) => {
    return new CtxsrcError('E_IMAGE_CONFIG_INVALID', `${what} is not valid: ${problem}`, { hint: IMAGE_INVALID });
  });
  return {
    bytes,
    value: { platform: platformOf(value), rootfs: { type: value.rootfs.type, diffIds: value.rootfs.diff_ids } },
  };
}

const rootOutline = go.struct({
  mediaType: go.pointer(go.text),
  config: go.presence,
  layers: go.presence,
  manifests: go.presence,
});

/**
 * The media type of a root document that was received without one (3.3, "Root type detection").
 * @throws E_MANIFEST_INVALID
 */
export function detectMediaType(bytes: Uint8Array, what: string): string {
  const found = go.decodeGoJson(bytes, rootOutline, (problem) => invalidManifest(what, problem));
  const isManifest = found.config || found.layers;
  if (isManifest && found.manifests) throw invalidManifest(what, 'it is both a manifest and an index');
  const claimed = found.mediaType ?? '';
  if (isManifest ? isIndexType(claimed) : isManifestType(claimed)) {
    throw invalidManifest(what, `mediaType: ${shortened(claimed)} does not match its contents`);
  }
  if (isManifestType(claimed) || isIndexType(claimed)) return claimed;
  return isManifest ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.dockerIndex;
}
