/** Source `docker-archive`: an image in a tar file as `docker save` writes it. */
import { existsSync } from 'node:fs';
import type { Identifier, Source } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { LAYER_LIMIT, PLATFORM, readImageAttributes, requestedPlatform } from '../image/attributes.ts';
import { imageInstance } from '../image/instance.ts';
import { DockerArchiveProvider } from './docker-archive-provider.ts';
import { formatLayoutReference, type LayoutReference, parseLayoutReference } from './layout-reference.ts';

const SCHEME = 'docker-archive';
const ATTRIBUTES = [PLATFORM, LAYER_LIMIT] as const;
const FORM = 'docker-archive://FILE[:TAG]';

interface DockerArchiveIdentifier extends Identifier {
  readonly reference: LayoutReference;
}

/** An image in a tar file of docker: `docker-archive://FILE[:TAG]`. Its root digest is that of its configuration. */
export const source: Source = {
  schemes: [SCHEME],
  grammar: [
    {
      scheme: SCHEME,
      form: FORM,
      example: 'docker-archive://./image.tar:alpine:3.20',
      summary: 'image in a tar file of docker save; TAG is a name as it was saved, or its tag alone',
    },
  ],
  attributes: ATTRIBUTES,

  identify(ref, attrs): DockerArchiveIdentifier {
    const reference = parseLayoutReference(ref.rest, existsSync, FORM);
    if (reference.digest !== undefined) {
      throw new CtxsrcError('E_REFERENCE', 'an image in a tar file of docker cannot be named by a digest', {
        hint: `write ${FORM}`,
      });
    }
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
      toJSON: () => ({ scheme: SCHEME, reference: printed, path: reference.path, tag: reference.tag, attributes }),
    };
  },

  resolve(id, env) {
    if (!isDockerArchive(id)) throw new CtxsrcError('E_INTERNAL', `${id} is not an identifier of ${SCHEME}`);
    const { platform, 'layer-limit': layerLimit } = id.attributes;
    return imageInstance({
      identifier: id,
      env,
      provider: new DockerArchiveProvider(id.reference),
      platform: requestedPlatform(String(platform ?? env.defaultPlatform)),
      platformOfImage: true,
      rootIsConfig: true,
      layerLimit: layerLimit as number | undefined,
    });
  },
};

function isDockerArchive(id: Identifier): id is DockerArchiveIdentifier {
  return id.scheme === SCHEME && 'reference' in id;
}
