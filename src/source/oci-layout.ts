/** Source `oci-layout`: an image in an OCI image layout directory. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Identifier, Source } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { LAYER_LIMIT, PLATFORM, readImageAttributes, requestedPlatform } from '../image/attributes.ts';
import { imageInstance } from '../image/instance.ts';
import { LayoutProvider } from './layout-provider.ts';
import { formatLayoutReference, LAYOUT_FORM, type LayoutReference, parseLayoutReference } from './layout-reference.ts';
import { rebasePath } from './rebase-path.ts';

const SCHEME = 'oci-layout';
const ATTRIBUTES = [PLATFORM, LAYER_LIMIT] as const;

interface OciLayoutIdentifier extends Identifier {
  readonly reference: LayoutReference;
}

/** An image in an OCI image layout directory: `oci-layout://PATH[:TAG][@DIGEST]`. */
export const source: Source = {
  schemes: [SCHEME],
  grammar: [
    {
      scheme: SCHEME,
      form: LAYOUT_FORM,
      example: 'oci-layout://./base:latest',
      summary: 'image in an OCI layout directory; without tag and digest latest, else the only image there',
    },
  ],
  attributes: ATTRIBUTES,

  identify(ref, attrs): OciLayoutIdentifier {
    const reference = parseLayoutReference(ref.rest, existsSync);
    const { platform, layerLimit } = readImageAttributes(attrs, ATTRIBUTES);
    const attributes = {
      ...(platform === undefined ? {} : { platform }),
      ...(layerLimit === undefined ? {} : { 'layer-limit': layerLimit }),
    };
    const printed = formatLayoutReference(reference);
    return {
      scheme: SCHEME,
      attributes,
      reference,
      localPath: resolve(reference.path),
      toString: () => printed,
      toJSON: () => ({ scheme: SCHEME, ...reference, attributes }),
    };
  },

  rebase(ref, from, to) {
    const reference = parseLayoutReference(ref.rest, (path) => existsSync(resolve(from, path)));
    return formatLayoutReference({ ...reference, path: rebasePath(reference.path, from, to) });
  },

  resolve(id, env) {
    if (!isOciLayout(id)) throw new CtxsrcError('E_INTERNAL', `${id} is not an identifier of ${SCHEME}`);
    const { platform, 'layer-limit': layerLimit } = id.attributes;
    return imageInstance({
      identifier: id,
      env,
      provider: new LayoutProvider(id.reference),
      platform: requestedPlatform(String(platform ?? env.defaultPlatform)),
      layerLimit: layerLimit as number | undefined,
    });
  },
};

function isOciLayout(id: Identifier): id is OciLayoutIdentifier {
  return id.scheme === SCHEME && 'reference' in id;
}
