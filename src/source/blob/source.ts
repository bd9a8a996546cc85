/** Sources `docker-image+blob` and `oci-layout+blob`: one blob of a registry or a layout as a file. */
import { existsSync } from 'node:fs';
import type {
  Attributes,
  Identifier,
  JobContext,
  SchemeRef,
  Source,
  SourceEnv,
  SourceInstance,
} from '../../contract/index.ts';
import { NO_CACHE_OPTS } from '../../contract/index.ts';
import { type Digest, digestHex, sha256, shortDigest } from '../../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { encodeGoJson } from '../../core/go/json-encode.ts';
import { Once } from '../../core/once.ts';
import { Task, tracked } from '../../core/progress.ts';
import { DEFAULT_MAX_BYTES, tooManyBytes } from '../../core/read-limits.ts';
import { withGoodBlob } from '../../core/with-good-blob.ts';
import { type ByteString, bytesOfText } from '../../fs/byte-string.ts';
import { imageOptions } from '../../image/attributes.ts';
import type { BlobProvider } from '../../image/provider.ts';
import { formatReference, parseNormalizedReference } from '../../oci/reference.ts';
import { layoutProvider } from '../layout-provider.ts';
import { formatLayoutReference, parseLayoutReference, rebaseLayoutReference } from '../layout-reference.ts';
import { ownIdentifier } from '../own-identifier.ts';
import { registryProvider } from '../registry-provider.ts';
import {
  FILE_ATTRIBUTES,
  type FileShape,
  readShape,
  safeFileName,
  shapeAttributes,
  writeSingleFile,
} from '../single-file.ts';
import { pullGoodBlob, StoredBody } from '../stored-body.ts';

const REGISTRY_BLOB = 'docker-image+blob';
const LAYOUT_BLOB = 'oci-layout+blob';
const REGISTRY_FORM = `${REGISTRY_BLOB}://NAME@DIGEST`;
const LAYOUT_FORM = `${LAYOUT_BLOB}://PATH@DIGEST`;

interface BlobIdentifier extends Identifier {
  readonly digest: Digest;
  provider(env: SourceEnv): BlobProvider;
}

function identify({ scheme, rest }: SchemeRef, attrs: Attributes): BlobIdentifier {
  const attributes = shapeAttributes(attrs);
  readShape(attributes);
  const { digest, text, provider } = scheme === REGISTRY_BLOB ? inRegistry(rest) : inLayout(rest);
  if (digest === undefined) {
    const message = `${JSON.stringify(rest)} names no blob: a blob is named by its digest`;
    throw new CtxsrcError('E_REFERENCE', message, {
      hint: `write ${scheme === REGISTRY_BLOB ? REGISTRY_FORM : LAYOUT_FORM}`,
    });
  }
  return {
    scheme,
    attributes,
    digest,
    provider,
    pinned: (other) => (other === digest ? text : undefined),
    toString: () => text,
    toJSON: () => ({ scheme, reference: text, digest, attributes }),
  };
}

function inRegistry(rest: string) {
  const reference = parseNormalizedReference(rest);
  const text = `${REGISTRY_BLOB}://${formatReference(reference)}`;
  return { digest: reference.digest, text, provider: (env: SourceEnv) => registryProvider(reference, env) };
}

function inLayout(rest: string) {
  const reference = parseLayoutReference(rest, existsSync);
  const text = formatLayoutReference(reference, LAYOUT_BLOB);
  const provider = (env: SourceEnv) => layoutProvider(reference, imageOptions({}, env).platform);
  return { digest: reference.digest, text, provider };
}

/** BuildKit's key of a blob (`docs/buildkit.md#blobs`): a name that was not given is empty in it. */
function blobKey(digest: Digest, { filename, perm, uid, gid }: FileShape, name: ByteString) {
  const preimage = encodeGoJson({
    Digest: digest,
    Filename: filename === undefined ? '' : Buffer.from(name, 'latin1'),
    Perm: perm,
    UID: uid,
    GID: gid,
  });
  return { key: sha256(preimage), preimage };
}

function blobInstance(id: BlobIdentifier, { store, limits }: SourceEnv, provider: BlobProvider): SourceInstance {
  const { digest } = id;
  const shape = readShape(id.attributes);
  const name = shape.filename === undefined ? digestHex(digest) : safeFileName(bytesOfText(shape.filename));
  const { key, preimage } = blobKey(digest, shape, name);
  const there = new Once<number | undefined>();

  /** Checked once: a missing blob has no key, although the key depends only on the digest. Its size, if known. */
  function require(job: JobContext): Promise<number | undefined> {
    return there.runFor(job.signal, async () => {
      try {
        return await provider.requireBlob(job, digest);
      } catch (error) {
        if (!isCtxsrcError(error, 'E_BLOB_NOT_FOUND')) throw error;
        throw error.with({
          hint: 'check the digest, and that it is one of this repository or layout: a blob is looked for nowhere else',
        });
      }
    });
  }

  /** Brings the blob into the store, verified; false if it was there. */
  async function bring(job: JobContext): Promise<boolean> {
    const { blobs } = store;
    const { maxBytes = DEFAULT_MAX_BYTES } = limits ?? {};
    const there = await blobs.size(digest);
    if (there !== undefined && there > maxBytes) throw tooManyBytes(`blob ${digest}`, maxBytes, there);
    if (there !== undefined) return false;
    await Task.run(job, provider.phase, `blob ${shortDigest(digest)}`, async (task) => {
      const outcome = await blobs.ingest(job, { digest }, async (resume) => {
        const origin = await provider.blob(job, digest, resume, maxBytes);
        return { ...origin, body: tracked(origin, task) };
      });
      if (outcome === 'cached') task.end('cached');
    });
    return true;
  }

  return {
    owner: { uid: shape.uid, gid: shape.gid },

    async cacheKey(job) {
      await require(job);
      return { key, pin: digest, done: true, opts: NO_CACHE_OPTS, preimage };
    },

    async digests(job) {
      await require(job);
      return { digest, pinned: String(id) };
    },

    async describe(job, { detailed = false } = {}) {
      const size = await require(job);
      return { identifier: String(id), digest, filename: name, ...(detailed && { size: size ?? null }) };
    },

    pull: (job) => pullGoodBlob(store, digest, job.signal, () => bring(job)),

    snapshot: () =>
      store.ref({
        id: sha256(`blob\n${key}`),
        produce: (job, dir, options) =>
          withGoodBlob(async () => {
            await bring(job);
            const body = new StoredBody(store, digest);
            return writeSingleFile(job.signal, dir, { body, name, shape, mtime: 0 }, options);
          }),
      }),
  };
}

export const source: Source = {
  schemes: [REGISTRY_BLOB, LAYOUT_BLOB],
  grammar: [
    {
      scheme: REGISTRY_BLOB,
      form: REGISTRY_FORM,
      example: 'docker-image+blob://alpine@sha256:96d9c2b1bfa20ad0537bfad71ada43bdae3754eb5aae61fef67ee8ba706ec08e',
      summary: 'one blob of a repository in a registry, as a file',
    },
    {
      scheme: LAYOUT_BLOB,
      form: LAYOUT_FORM,
      example: 'oci-layout+blob://./base@sha256:96d9c2b1bfa20ad0537bfad71ada43bdae3754eb5aae61fef67ee8ba706ec08e',
      summary: 'one blob of an OCI layout directory, as a file',
    },
  ],
  attributes: FILE_ATTRIBUTES,
  identify,
  rebase: (ref, from, to) =>
    ref.scheme === LAYOUT_BLOB
      ? rebaseLayoutReference(ref, from, to, LAYOUT_FORM)
      : `${ref.scheme}://${formatReference(parseNormalizedReference(ref.rest))}`,
  resolve(id, env) {
    const own = ownIdentifier<BlobIdentifier>(source, id, 'provider');
    return blobInstance(own, env, own.provider(env));
  },
};
