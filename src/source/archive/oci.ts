/** Source `oci-archive`: an image in a tar file that holds an OCI image layout. */
import { existsSync } from 'node:fs';
import type { Source, SourceEnv } from '../../contract/index.ts';
import { ArchiveLayout } from '../../image/archive/layout.ts';
import { imageAttributes, imageOptions, LAYER_LIMIT, PLATFORM } from '../../image/attributes.ts';
import { imageInstance } from '../../image/instance.ts';
import { type LayoutPlace, LayoutProvider } from '../layout-provider.ts';
import {
  formatLayoutReference,
  type LayoutIdentifier,
  layoutIdentifier,
  parseLayoutReference,
  pinnedLayoutReference,
  rebaseLayoutReference,
} from '../layout-reference.ts';

const SCHEME = 'oci-archive';
const ATTRIBUTES = [PLATFORM, LAYER_LIMIT] as const;
const FORM = 'oci-archive://FILE[:TAG][@DIGEST]';

const placeFor = (env: SourceEnv): LayoutPlace => ({
  scheme: SCHEME,
  what: 'the OCI archive',
  open: (path, job) => ArchiveLayout.open(path, job, env),
});

/** An image in a tar file: `oci-archive://FILE[:TAG][@DIGEST]`. */
export const source: Source = {
  schemes: [SCHEME],
  grammar: [
    {
      scheme: SCHEME,
      form: FORM,
      example: 'oci-archive://./image.tar:latest',
      summary:
        'image in a tar file of an OCI layout; without tag and digest latest, else the only image there, of the platform',
    },
  ],
  attributes: ATTRIBUTES,

  identify(ref, attrs): LayoutIdentifier {
    const reference = parseLayoutReference(ref.rest, existsSync, FORM);
    const attributes = imageAttributes(attrs, ATTRIBUTES);
    const printed = formatLayoutReference(reference, SCHEME);
    return {
      scheme: SCHEME,
      attributes,
      reference,
      pinned: (digest) => pinnedLayoutReference(reference, digest, SCHEME),
      toString: () => printed,
      toJSON: () => ({ scheme: SCHEME, reference: printed, ...reference, attributes }),
    };
  },

  rebase: (ref, from, to) => rebaseLayoutReference(ref, from, to, FORM),

  resolve(id, env) {
    const { reference } = layoutIdentifier(id, SCHEME);
    const options = imageOptions(id.attributes, env);
    return imageInstance({
      identifier: id,
      env,
      provider: new LayoutProvider(reference, options.platform, placeFor(env)),
      ...options,
      platformOfImage: true,
    });
  },
};
