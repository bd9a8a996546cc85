/** Sources `docker-image+blob` and `oci-layout+blob`: one blob of a registry or a layout as a file. */
import { existsSync } from 'node:fs';
import type {
  Attributes,
  CacheKeyResult,
  Description,
  Digests,
  Identifier,
  ImmutableRef,
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
import { counted, Task } from '../../core/progress.ts';
import { DEFAULT_MAX_BYTES, tooManyBytes } from '../../core/read-limits.ts';
import { imageOptions } from '../../image/attributes.ts';
import type { BlobProvider } from '../../image/provider.ts';
import { formatReference, parseNormalizedReference } from '../../oci/reference.ts';
import { LayoutProvider } from '../layout-provider.ts';
import { formatLayoutReference, parseLayoutReference, rebaseLayoutReference } from '../layout-reference.ts';
import { RegistryProvider } from '../registry-provider.ts';
import {
  byteName,
  FILE_ATTRIBUTES,
  readShape,
  safeFileName,
  shapeAttributes,
  writeSingleFile,
} from '../single-file.ts';
import { StoredBody } from '../stored-body.ts';

const REGISTRY_BLOB = 'docker-image+blob';
const LAYOUT_BLOB = 'oci-layout+blob';

class BlobIdentifier implements Identifier {
  readonly scheme: string;
  readonly attributes: Attributes;
  readonly digest: Digest;
  readonly #text: string;
  readonly #provider: (env: SourceEnv) => BlobProvider;

  constructor(
    scheme: string,
    text: string,
    digest: Digest,
    attributes: Attributes,
    provider: (env: SourceEnv) => BlobProvider,
  ) {
    this.scheme = scheme;
    this.#text = text;
    this.digest = digest;
    this.attributes = attributes;
    this.#provider = provider;
  }

  provider(env: SourceEnv): BlobProvider {
    return this.#provider(env);
  }

  pinned(digest: string): string | undefined {
    return digest === this.digest ? this.#text : undefined;
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): unknown {
    return { scheme: this.scheme, reference: this.#text, digest: this.digest, attributes: this.attributes };
  }
}

function identify({ scheme, rest }: SchemeRef, attrs: Attributes): BlobIdentifier {
  const attributes = shapeAttributes(attrs);
  readShape(attributes);
  if (scheme === REGISTRY_BLOB) {
    const reference = parseNormalizedReference(rest);
    const { digest } = reference;
    if (digest === undefined) throw withoutDigest(rest, `${REGISTRY_BLOB}://NAME@DIGEST`);
    const text = `${scheme}://${formatReference(reference)}`;
    return new BlobIdentifier(scheme, text, digest, attributes, (env) => new RegistryProvider(reference, env));
  }
  const reference = parseLayoutReference(rest, existsSync);
  const { digest } = reference;
  if (digest === undefined) throw withoutDigest(rest, `${LAYOUT_BLOB}://PATH@DIGEST`);
  const text = formatLayoutReference(reference, scheme);
  return new BlobIdentifier(scheme, text, digest, attributes, (env) => {
    return new LayoutProvider(reference, imageOptions({}, env).platform);
  });
}

function withoutDigest(text: string, form: string): CtxsrcError {
  return new CtxsrcError('E_REFERENCE', `${JSON.stringify(text)} names no blob: a blob is named by its digest`, {
    hint: `write ${form}`,
  });
}

/** BuildKit's key of a blob (`docs/buildkit.md#blobs`): a name that was not given is empty in it. */
function blobKey(digest: Digest, attributes: Attributes): { key: string; preimage: string } {
  const { filename, perm, uid, gid } = readShape(attributes);
  const preimage = encodeGoJson({
    Digest: digest,
    Filename: filename === undefined ? '' : Buffer.from(fileName(filename, digest), 'latin1'),
    Perm: perm,
    UID: uid,
    GID: gid,
  });
  return { key: sha256(preimage), preimage };
}

function fileName(filename: string | undefined, digest: Digest): string {
  return filename === undefined ? digestHex(digest) : safeFileName(byteName(filename));
}

/** The error when a blob that the user named is missing. */
function missingByName(error: unknown): unknown {
  if (!isCtxsrcError(error) || error.code !== 'E_BLOB_NOT_FOUND') return error;
  const hint = 'check the digest, and that it is one of this repository or layout: a blob is looked for nowhere else';
  return error.with({ hint });
}

class BlobInstance implements SourceInstance {
  readonly #id: BlobIdentifier;
  readonly #env: SourceEnv;
  readonly #there = new Once<void>();

  constructor(id: BlobIdentifier, env: SourceEnv) {
    this.#id = id;
    this.#env = env;
  }

  /** Checked once: a missing blob has no key, although the key depends only on the digest. */
  #require(job: JobContext): Promise<void> {
    return this.#there.runFor(job.signal, async () => {
      try {
        await this.#id.provider(this.#env).requireBlob(job, this.#id.digest);
      } catch (error) {
        throw missingByName(error);
      }
    });
  }

  async cacheKey(job: JobContext, _index: number): Promise<CacheKeyResult> {
    await this.#require(job);
    const { key, preimage } = blobKey(this.#id.digest, this.#id.attributes);
    return { key, pin: this.#id.digest, done: true, opts: NO_CACHE_OPTS, preimage };
  }

  async digests(job: JobContext): Promise<Digests> {
    await this.#require(job);
    return { digest: this.#id.digest, pinned: String(this.#id) };
  }

  async describe(job: JobContext): Promise<Description> {
    await this.#require(job);
    const { digest, attributes } = this.#id;
    return { identifier: String(this.#id), digest, filename: fileName(readShape(attributes).filename, digest) };
  }

  /** Brings the blob into the store, verified. */
  async pull(job: JobContext): Promise<void> {
    const { blobs } = this.#env.store;
    const { digest } = this.#id;
    const { maxBytes = DEFAULT_MAX_BYTES } = this.#env.limits ?? {};
    const there = await blobs.size(digest);
    if (there !== undefined && there > maxBytes) throw tooManyBytes(`blob ${digest}`, maxBytes, there);
    if (there !== undefined) return;
    const provider = this.#id.provider(this.#env);
    await Task.run(job, provider.phase, `blob ${shortDigest(digest)}`, async (task) => {
      const outcome = await blobs.ingest(job, { digest }, async (resume) => {
        const origin = await provider.blob(job, digest, resume, maxBytes);
        return { ...origin, body: counted(origin, task) };
      });
      if (outcome === 'cached') task.end('cached');
    });
  }

  async snapshot(_job: JobContext): Promise<ImmutableRef> {
    const { digest, attributes } = this.#id;
    const shape = readShape(attributes);
    return this.#env.store.ref({
      id: sha256(`blob\n${blobKey(digest, attributes).key}`),
      produce: async (job, dir, options) => {
        await this.pull(job);
        const body = new StoredBody(this.#env.store, digest);
        return writeSingleFile(
          job.signal,
          dir,
          { body, name: fileName(shape.filename, digest), shape, mtime: 0 },
          options,
        );
      },
    });
  }
}

export const source: Source = {
  schemes: [REGISTRY_BLOB, LAYOUT_BLOB],
  grammar: [
    {
      scheme: REGISTRY_BLOB,
      form: 'docker-image+blob://NAME@DIGEST',
      example: 'docker-image+blob://alpine@sha256:96d9c2b1bfa20ad0537bfad71ada43bdae3754eb5aae61fef67ee8ba706ec08e',
      summary: 'one blob of a repository in a registry, as a file',
    },
    {
      scheme: LAYOUT_BLOB,
      form: 'oci-layout+blob://PATH@DIGEST',
      example: 'oci-layout+blob://./base@sha256:96d9c2b1bfa20ad0537bfad71ada43bdae3754eb5aae61fef67ee8ba706ec08e',
      summary: 'one blob of an OCI layout directory, as a file',
    },
  ],
  attributes: FILE_ATTRIBUTES,
  identify,
  rebase: (ref, from, to) =>
    ref.scheme === LAYOUT_BLOB
      ? rebaseLayoutReference(ref, from, to, `${LAYOUT_BLOB}://PATH@DIGEST`)
      : `${ref.scheme}://${formatReference(parseNormalizedReference(ref.rest))}`,
  resolve(id: Identifier, env: SourceEnv): SourceInstance {
    if (!(id instanceof BlobIdentifier)) throw new CtxsrcError('E_INTERNAL', `${id} is not an identifier of blobs`);
    return new BlobInstance(id, env);
  },
};
