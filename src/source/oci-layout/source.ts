/** Source `oci-layout`: an image in an OCI image layout directory. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Source } from '../../contract/index.ts';
import { imageAttributes, imageOptions, LAYER_LIMIT, PLATFORM } from '../../image/attributes.ts';
import { imageInstance } from '../../image/instance.ts';
import { LayoutProvider } from '../layout-provider.ts';
import {
  formatLayoutReference,
  LAYOUT_FORM,
  type LayoutIdentifier,
  layoutIdentifier,
  parseLayoutReference,
  pinnedLayoutReference,
  rebaseLayoutReference,
} from '../layout-reference.ts';

const SCHEME = 'oci-layout';
const ATTRIBUTES = [PLATFORM, LAYER_LIMIT] as const;

/** An image in an OCI image layout directory: `oci-layout://DIR[:TAG][@DIGEST]`. */
export const source: Source = {
  schemes: [SCHEME],
  grammar: [
    {
      scheme: SCHEME,
      form: LAYOUT_FORM,
      example: 'oci-layout://./base:latest',
      summary:
        'image in an OCI layout directory; without tag and digest latest, else the only image there, of the platform',
    },
  ],
  attributes: ATTRIBUTES,

  identify(ref, attrs): LayoutIdentifier {
    const reference = parseLayoutReference(ref.rest, existsSync);
    const attributes = imageAttributes(attrs, ATTRIBUTES);
    const printed = formatLayoutReference(reference);
    return {
      scheme: SCHEME,
      attributes,
      reference,
      localPath: resolve(reference.path),
      pinned: (digest) => pinnedLayoutReference(reference, digest),
      toString: () => printed,
      toJSON: () => ({ scheme: SCHEME, ...reference, attributes }),
    };
  },

  rebase: (ref, from, to) => rebaseLayoutReference(ref, from, to),

  resolve(id, env) {
    const { reference } = layoutIdentifier(id, SCHEME);
    const options = imageOptions(id.attributes, env);
    return imageInstance({
      identifier: id,
      env,
      provider: new LayoutProvider(reference, options.platform),
      ...options,
    });
  },
};
