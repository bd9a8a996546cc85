/** Source `oci-archive`: an image in a tar file that holds an OCI image layout. */
import { existsSync } from 'node:fs';
import type { Identifier, Source } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { ArchiveLayout } from '../image/archive-layout.ts';
import { LAYER_LIMIT, PLATFORM, readImageAttributes, requestedPlatform } from '../image/attributes.ts';
import { imageInstance } from '../image/instance.ts';
import { type LayoutPlace, LayoutProvider } from './layout-provider.ts';
import { formatLayoutReference, type LayoutReference, parseLayoutReference } from './layout-reference.ts';

const SCHEME = 'oci-archive';
const ATTRIBUTES = [PLATFORM, LAYER_LIMIT] as const;
const FORM = 'oci-archive://FILE[:TAG][@DIGEST]';

const PLACE: LayoutPlace = {
  scheme: SCHEME,
  what: 'the OCI archive',
  open: (path, signal) => ArchiveLayout.open(path, signal),
};

interface OciArchiveIdentifier extends Identifier {
  readonly reference: LayoutReference;
}

/** An image in a tar file: `oci-archive://FILE[:TAG][@DIGEST]`. */
export const source: Source = {
  schemes: [SCHEME],
  grammar: [
    {
      scheme: SCHEME,
      form: FORM,
      example: 'oci-archive://./image.tar:latest',
      summary: 'image in a tar file of an OCI layout; without tag and digest latest, else the only image there',
    },
  ],
  attributes: ATTRIBUTES,

  identify(ref, attrs): OciArchiveIdentifier {
    const reference = parseLayoutReference(ref.rest, existsSync, FORM);
    const { platform, layerLimit } = readImageAttributes(attrs, ATTRIBUTES);
    const attributes = {
      ...(platform === undefined ? {} : { platform }),
      ...(layerLimit === undefined ? {} : { 'layer-limit': layerLimit }),
    };
    const printed = formatLayoutReference(reference, SCHEME);
    return {
      scheme: SCHEME,
      attributes,
      reference,
      toString: () => printed,
      toJSON: () => ({ scheme: SCHEME, reference: printed, ...reference, attributes }),
    };
  },

  resolve(id, env) {
    if (!isOciArchive(id)) throw new CtxsrcError('E_INTERNAL', `${id} is not an identifier of ${SCHEME}`);
    const { platform, 'layer-limit': layerLimit } = id.attributes;
    return imageInstance({
      identifier: id,
      env,
      provider: new LayoutProvider(id.reference, PLACE),
      platform: requestedPlatform(String(platform ?? env.defaultPlatform)),
      platformOfImage: true,
      layerLimit: layerLimit as number | undefined,
    });
  },
};

function isOciArchive(id: Identifier): id is OciArchiveIdentifier {
  return id.scheme === SCHEME && 'reference' in id;
}
