/** The content of an image, from the store if present, else from its registry. */
import type { SourceEnv } from '../contract/index.ts';
import { type Digest, digestLike, shortDigest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { Task } from '../core/progress.ts';
import { type BlobProvider, verifyDocument } from '../image/provider.ts';
import { detectMediaType, MAX_DOCUMENT_BYTES } from '../oci/decode.ts';
import { isConfigType } from '../oci/media-types.ts';
import { formatReference, type ImageReference, nameOf } from '../oci/reference.ts';
import type { RegistryClient } from '../registry/client.ts';
import { sharedClient } from '../registry/shared-client.ts';

export function registryProvider(reference: ImageReference, env: SourceEnv): BlobProvider {
  const { blobs } = env.store;
  const repository = { host: reference.domain, repository: reference.path };
  const storeName = formatReference(reference);
  const blobReference = (digest: Digest) => `docker-image+blob://${nameOf(reference)}@${digest}`;

  /** @param missing brings the missing content into the store when it is pulled */
  async function client(problem: string, missing = `docker-image://${storeName}`): Promise<RegistryClient> {
    if (env.offline) {
      const named = reference.digest === undefined ? ', then name the image by its digest' : '';
      throw new CtxsrcError('E_OFFLINE', `${problem}, and --offline forbids asking ${reference.domain}`, {
        hint: `run ctxsrc pull ${missing} without --offline${named}`,
      });
    }
    return sharedClient(env.network);
  }

  const clientForBlob = (digest: Digest) =>
    client(`blob ${digest} of ${storeName} is not in the store`, blobReference(digest));

  return {
    phase: 'download',
    repository,
    storeName,
    blobReference,

    async resolve(job) {
      const { digest, tag } = reference;
      if (digest !== undefined) {
        // Content in the store needs no request: its digest proves it.
        const bytes = await blobs.read(digest, MAX_DOCUMENT_BYTES);
        if (bytes !== undefined) return { digest, size: bytes.length, mediaType: detectMediaType(bytes, digest) };
      }
      const asked = await client(
        digest === undefined ? `what ${storeName} points at is not known` : `${storeName} is not in the store`,
      );
      const { descriptor, bytes } = await Task.run(job, 'resolve', storeName, () =>
        asked.resolve(job, repository, digest ?? tag ?? 'latest'),
      );
      if (digest !== undefined && descriptor.digest !== digest) {
        throw new CtxsrcError('E_DIGEST_MISMATCH', `${storeName}: the registry answers with ${descriptor.digest}`, {
          hint: 'the registry, or a proxy before it, changes content: try it directly, or a mirror (--mirror)',
        });
      }
      if (bytes !== undefined && digestLike(descriptor.digest, bytes) === descriptor.digest) {
        await blobs.put(descriptor.digest, bytes);
      }
      return descriptor;
    },

    async document(job, descriptor) {
      const { digest, size } = descriptor;
      const stored = await blobs.read(digest, MAX_DOCUMENT_BYTES);
      if (stored !== undefined) return stored;
      const kind = isConfigType(descriptor.mediaType) ? 'configuration' : 'manifest';
      const asked = await client(`${kind} ${digest} of ${storeName} is not in the store`);
      let bytes: Uint8Array;
      if (kind === 'manifest') {
        bytes = (await asked.manifest(job, repository, digest, size)).bytes;
      } else {
        bytes = await asked.document(job, repository, digest, MAX_DOCUMENT_BYTES);
        verifyDocument(descriptor, bytes, storeName);
      }
      await blobs.put(digest, bytes);
      return bytes;
    },

    async beside(job, subject) {
      const asked = await client(`what lies beside ${storeName} is not in the store`);
      return asked.beside(job, repository, subject);
    },

    async layer(job, { digest }, resume) {
      const asked = await client(`layer ${digest} of ${storeName} is not in the store`);
      return asked.blob(job, repository, digest, resume);
    },

    async blob(job, digest, resume, maxBytes) {
      return (await clientForBlob(digest)).blob(job, repository, digest, resume, maxBytes);
    },

    async requireBlob(job, digest) {
      // Content in the store needs no request, as with images.
      const stored = await blobs.size(digest);
      if (stored !== undefined) return stored;
      const asked = await clientForBlob(digest);
      return Task.run(job, 'resolve', `blob ${shortDigest(digest)}`, () => asked.requireBlob(job, repository, digest));
    },
  };
}
