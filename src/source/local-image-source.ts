/** What the sources of images in a directory or file of this machine have in common. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Identifier, Source, SourceEnv } from '../contract/index.ts';
import { isDigest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import type { Platform } from '../core/platform.ts';
import { imageAttributes, imageOptions, LAYER_LIMIT, PLATFORM } from '../image/attributes.ts';
import { imageInstance } from '../image/instance.ts';
import type { ContentProvider } from '../image/provider.ts';
import {
  formatLayoutReference,
  type LayoutReference,
  parseLayoutReference,
  rebaseLayoutReference,
} from './layout-reference.ts';
import { ownIdentifier } from './own-identifier.ts';

interface LayoutKind {
  readonly scheme: string;
  readonly form: string;
  readonly example: string;
  readonly summary: string;
  /** The place is a file. */
  readonly archive: boolean;
  /** The images have no manifests of their own: their root digest is that of the configuration, and names none. */
  readonly withoutManifests?: boolean;
  provider(reference: LayoutReference, env: SourceEnv, platform: Platform): ContentProvider;
}

interface LayoutIdentifier extends Identifier {
  readonly reference: LayoutReference;
}

const ATTRIBUTES = [PLATFORM, LAYER_LIMIT] as const;

export function localImageSource(kind: LayoutKind): Source {
  const { scheme, form, example, summary, archive, withoutManifests = false } = kind;
  const source: Source = {
    schemes: [scheme],
    grammar: [{ scheme, form, example, summary }],
    attributes: ATTRIBUTES,

    identify(ref, attrs): LayoutIdentifier {
      const reference = parseLayoutReference(ref.rest, existsSync, form);
      if (withoutManifests && reference.digest !== undefined) {
        throw new CtxsrcError('E_REFERENCE', 'an image in a tar file of docker cannot be named by a digest', {
          hint: `write ${form}`,
        });
      }
      const attributes = imageAttributes(attrs, ATTRIBUTES);
      const printed = formatLayoutReference(reference, scheme);
      const pinned = (digest: string) =>
        isDigest(digest) && (reference.digest ?? digest) === digest
          ? formatLayoutReference({ ...reference, digest }, scheme)
          : undefined;
      return {
        scheme,
        attributes,
        reference,
        ...(archive ? {} : { localPath: resolve(reference.path) }),
        ...(withoutManifests ? {} : { pinned }),
        toString: () => printed,
        toJSON: () => ({ scheme, ...(archive ? { reference: printed } : {}), ...reference, attributes }),
      };
    },

    rebase: (ref, from, to) => rebaseLayoutReference(ref, from, to, form),

    resolve(id, env) {
      const { reference } = ownIdentifier<LayoutIdentifier>(source, id, 'reference');
      const options = imageOptions(id.attributes, env);
      const provider = kind.provider(reference, env, options.platform);
      return imageInstance({
        identifier: id,
        env,
        provider,
        ...options,
        platformOfImage: archive,
        rootIsConfig: withoutManifests,
      });
    },
  };
  return source;
}
