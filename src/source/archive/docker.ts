/** Source `docker-archive`: an image in a tar file as `docker save` writes it. */
import { existsSync } from 'node:fs';
import type { Source } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { imageAttributes, imageOptions, LAYER_LIMIT, PLATFORM } from '../../image/attributes.ts';
import { imageInstance } from '../../image/instance.ts';
import {
  formatLayoutReference,
  type LayoutIdentifier,
  layoutIdentifier,
  parseLayoutReference,
  rebaseLayoutReference,
} from '../layout-reference.ts';
import { DockerArchiveProvider } from './docker-provider.ts';

const SCHEME = 'docker-archive';
const ATTRIBUTES = [PLATFORM, LAYER_LIMIT] as const;
const FORM = 'docker-archive://FILE[:TAG]';

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

  identify(ref, attrs): LayoutIdentifier {
    const reference = parseLayoutReference(ref.rest, existsSync, FORM);
    if (reference.digest !== undefined) {
      throw new CtxsrcError('E_REFERENCE', 'an image in a tar file of docker cannot be named by a digest', {
        hint: `write ${FORM}`,
      });
    }
    const attributes = imageAttributes(attrs, ATTRIBUTES);
    const printed = formatLayoutReference(reference, SCHEME);
    return {
      scheme: SCHEME,
      attributes,
      reference,
      toString: () => printed,
      toJSON: () => ({ scheme: SCHEME, reference: printed, path: reference.path, tag: reference.tag, attributes }),
    };
  },

  rebase: (ref, from, to) => rebaseLayoutReference(ref, from, to, FORM),

  resolve(id, env) {
    const { reference } = layoutIdentifier(id, SCHEME);
    return imageInstance({
      identifier: id,
      env,
      provider: new DockerArchiveProvider(reference, env),
      ...imageOptions(id.attributes, env),
      platformOfImage: true,
      rootIsConfig: true,
    });
  },
};
