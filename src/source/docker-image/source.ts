/** Source `docker-image`: an image in a registry. */
import type { Identifier, Source } from '../../contract/index.ts';
import { isDigest, parseDigest } from '../../core/digest.ts';
import { imageAttributes, imageOptions, LAYER_LIMIT, PLATFORM } from '../../image/attributes.ts';
import { imageInstance } from '../../image/instance.ts';
import { formatContainerdReference, parseContainerdReference } from '../../oci/containerd-reference.ts';
import {
  formatReference,
  type ImageReference,
  nameOf,
  parseNormalizedReference,
  withDefaultTag,
} from '../../oci/reference.ts';
import { ownIdentifier } from '../own-identifier.ts';
import { registryProvider } from '../registry-provider.ts';

const SCHEME = 'docker-image';
const ATTRIBUTES = [
  PLATFORM,
  LAYER_LIMIT,
  {
    name: 'checksum',
    kind: 'text',
    placeholder: 'DIGEST',
    help: 'fail unless this is the digest the name points at (of the index, where there is one)',
    example: 'sha256:96d9c2b1bfa20ad0537bfad71ada43bdae3754eb5aae61fef67ee8ba706ec08e',
  },
] as const;

interface DockerImageIdentifier extends Identifier {
  readonly reference: ImageReference;
}

/** An image in a registry: `docker-image://NAME[:TAG][@DIGEST]`, with Docker's defaults. */
export const source: Source = {
  schemes: [SCHEME],
  grammar: [
    {
      scheme: SCHEME,
      form: 'docker-image://NAME[:TAG][@DIGEST]',
      example: 'docker-image://alpine:3.20',
      summary: 'image in a registry; alpine is docker.io/library/alpine:latest; a digest decides over a tag',
    },
  ],
  attributes: ATTRIBUTES,

  identify(ref, attrs): DockerImageIdentifier {
    const reference = withDefaultTag(parseNormalizedReference(ref.rest));
    const text = formatReference(reference);
    // The form that BuildKit's source prints. It changes nothing that the stricter grammar above accepts.
    const printed = `${SCHEME}://${formatContainerdReference(parseContainerdReference(text))}`;
    const { checksum } = attrs;
    const attributes = {
      ...imageAttributes(attrs, ATTRIBUTES),
      ...(checksum === undefined ? {} : { checksum: parseDigest(String(checksum)) }),
    };
    return {
      scheme: SCHEME,
      attributes,
      reference,
      pinned: (digest) =>
        isDigest(digest) && (reference.digest ?? digest) === digest
          ? `${SCHEME}://${formatReference({ ...reference, digest })}`
          : undefined,
      toString: () => printed,
      toJSON: () => ({ scheme: SCHEME, name: nameOf(reference), ...tagAndDigest(reference), attributes }),
    };
  },

  resolve(id, env) {
    const { reference, attributes } = ownIdentifier<DockerImageIdentifier>(source, id, 'reference');
    const { checksum } = attributes;
    return imageInstance({
      identifier: id,
      env,
      provider: registryProvider(reference, env),
      ...imageOptions(attributes, env),
      checksum: checksum === undefined ? undefined : parseDigest(String(checksum)),
    });
  },
};

function tagAndDigest({ tag, digest }: ImageReference): { tag?: string; digest?: string } {
  return { ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}
