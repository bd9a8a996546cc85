/** The documents and blobs of an image as received, for pushing it. */
import type { JobContext } from '../contract/session.ts';
import type { ImageContent } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';
import type { Descriptor } from '../oci/types.ts';
import type { ImageInstanceOptions } from './instance.ts';
import { fetchDocument } from './provider.ts';
import { fetchLayer } from './pull.ts';

/** @throws E_USAGE for an image that is cut at a layer limit */
export function imageContent(
  { provider, env, layerLimit }: ImageInstanceOptions,
  known: Pick<ImageContent, 'root' | 'manifest'> & {
    /** The file of a blob that lies on this machine. */
    layerFile(descriptor: Descriptor): Promise<string | undefined>;
  },
): ImageContent {
  if (layerLimit !== undefined) {
    throw new CtxsrcError('E_USAGE', 'an image cut at a layer limit has no manifest of its own', {
      hint: 'leave --layer-limit out',
    });
  }
  return {
    root: known.root,
    repository: provider.repository,
    manifest: known.manifest,
    document: (job, descriptor) => fetchDocument(job, provider, descriptor),
    ...(provider.beside === undefined ? {} : { beside: provider.beside }),
    async file(job: JobContext, descriptor) {
      const inPlace = await known.layerFile(descriptor);
      if (inPlace !== undefined) return inPlace;
      await fetchLayer(job, env, provider, descriptor);
      return env.store.blobs.path(descriptor.digest);
    },
  };
}
