/** Manifests of one endpoint: the current digest of a tag, and documents by their digest, verified. */
import type { JobContext } from '../contract/session.ts';
import { type Digest, digestLike, isDigest, sha256 } from '../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import type { HttpAnswer } from '../http/client.ts';
import { type RequestSubject, strangerHint } from '../http/errors.ts';
import { contentLength, header, mediaTypeOf, type ResponseHeaders } from '../http/headers.ts';
import type { Descriptor } from '../oci/types.ts';
import type { Api } from './api.ts';
import { MANIFEST_ACCEPT, manifestTypeOf, telling } from './manifest-type.ts';
import type { Endpoint } from './mirrors.ts';
import { suggestTags } from './tags.ts';

export interface ResolvedManifest {
  readonly descriptor: Descriptor;
  /** The manifest itself, verified, if it was fetched to find its digest. */
  readonly bytes?: Uint8Array | undefined;
}

export interface ManifestContent {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A manifest larger than this is refused (exit 8). */
const LARGEST_MANIFEST = 4 * 1024 * 1024;

/** `RegistryClient.resolve` at one endpoint. */
export async function resolveAt(
  job: JobContext,
  api: Api,
  endpoint: Endpoint,
  reference: string,
): Promise<ResolvedManifest> {
  const subject = manifestSubject(endpoint, reference);
  const request = { path: `manifests/${reference}`, headers: { accept: MANIFEST_ACCEPT }, subject };
  const head = await api.open(job, endpoint, { ...request, method: 'HEAD' });
  // A refused credential is not sent again.
  if (head.status === 401) throw await api.refusal(job, endpoint, subject, head);
  head.discard();
  const descriptor = head.status === 200 ? stated(head.headers, reference) : undefined;
  if (descriptor !== undefined) return { descriptor };
  // GET may be allowed where HEAD is not, or say more; and only a body gives the reason of a refusal.
  const full = await api.fetch(job, endpoint, { ...request, method: 'GET' }, LARGEST_MANIFEST).catch(async (error) => {
    if (endpoint.mirror || !isCtxsrcError(error, 'E_TAG_NOT_FOUND')) throw error;
    throw await suggestTags(job, api, endpoint, reference, error);
  });
  const said = header(full.headers, 'docker-content-digest');
  const wanted = isDigest(reference) ? reference : said !== undefined && isDigest(said) ? said : undefined;
  // A document that is not a manifest is reported as such, not as a wrong digest.
  const mediaType = manifestType(subject, full);
  const digest = wanted === undefined ? sha256(full.bytes) : checked(subject, wanted, full.bytes);
  return { descriptor: { mediaType, digest, size: full.bytes.length }, bytes: full.bytes };
}

/** `RegistryClient.hasTag` at one endpoint. */
export async function hasTagAt(job: JobContext, api: Api, endpoint: Endpoint, tag: string): Promise<boolean> {
  const subject = manifestSubject(endpoint, tag);
  const request = { path: `manifests/${tag}`, headers: { accept: MANIFEST_ACCEPT }, subject };
  const head = await api.open(job, endpoint, { ...request, method: 'HEAD' });
  // A refused credential is not sent again.
  if (head.status === 401) throw await api.refusal(job, endpoint, subject, head);
  head.discard();
  if (head.status === 200 || head.status === 404) return head.status === 200;
  try {
    await api.fetch(job, endpoint, { ...request, method: 'GET' }, LARGEST_MANIFEST);
    return true;
  } catch (error) {
    if (isCtxsrcError(error, 'E_TAG_NOT_FOUND') || isCtxsrcError(error, 'E_NOT_FOUND')) return false;
    throw error;
  }
}

/** `RegistryClient.manifest` at one endpoint. */
export async function manifestAt(
  job: JobContext,
  api: Api,
  endpoint: Endpoint,
  digest: Digest,
  size: number | undefined,
): Promise<ManifestContent> {
  const subject = manifestSubject(endpoint, digest);
  if (size !== undefined && size > LARGEST_MANIFEST) {
    const message = `${subject.what} is said to have ${size} bytes; a manifest may have ${LARGEST_MANIFEST}`;
    throw new CtxsrcError('E_LIMIT', message, {
      hint: 'tell the operator of the registry: this is no image',
    });
  }
  const full = await api.fetch(
    job,
    endpoint,
    { method: 'GET', path: `manifests/${digest}`, headers: { accept: MANIFEST_ACCEPT }, subject },
    LARGEST_MANIFEST,
  );
  const mediaType = manifestType(subject, full);
  checked(subject, digest, full.bytes);
  if (size !== undefined && full.bytes.length !== size) {
    const message = `${subject.what} has ${full.bytes.length} bytes where ${size} were promised`;
    throw new CtxsrcError('E_SIZE_MISMATCH', message, {
      hint: 'the index that refers to it, or the registry, is wrong: push the image again',
      details: { host: subject.host, expected: size, found: full.bytes.length },
    });
  }
  return { mediaType, bytes: full.bytes };
}

/** The digest, type and size in the headers of a HEAD; undefined if a GET has to find them. */
function stated(headers: ResponseHeaders, reference: string): Descriptor | undefined {
  const size = contentLength(headers);
  const mediaType = telling(mediaTypeOf(headers));
  const digest = header(headers, 'docker-content-digest') ?? (isDigest(reference) ? reference : undefined);
  if (!size || mediaType === undefined || digest === undefined || !isDigest(digest)) return undefined;
  // The header contradicts the request: only the content can decide.
  if (isDigest(reference) && digest !== reference) return undefined;
  return { mediaType, digest, size };
}

function manifestSubject(endpoint: Endpoint, reference: string): RequestSubject {
  const byDigest = isDigest(reference);
  return {
    host: endpoint.host,
    kind: byDigest ? 'manifest' : 'tag',
    what: `${endpoint.host}/${endpoint.repository}${byDigest ? '@' : ':'}${reference}`,
  };
}

/** Verifies the bytes and returns their digest. E_DIGEST_MISMATCH otherwise. */
function checked(subject: RequestSubject, wanted: Digest, bytes: Uint8Array): Digest {
  const found = digestLike(wanted, bytes);
  if (found === wanted) return wanted;
  const message = `${subject.host} sent ${found} as ${subject.what}, where ${wanted} was promised`;
  throw new CtxsrcError('E_DIGEST_MISMATCH', message, {
    hint: 'the registry, or a proxy before it, changes content: try it directly, or a mirror (--mirror)',
    details: { host: subject.host, expected: wanted, found },
  });
}

function manifestType(subject: RequestSubject, answer: HttpAnswer): string {
  // No encoding was asked for. Some servers state one, and send the bytes as they are.
  const isEncoded =
    header(answer.headers, 'content-encoding') !== undefined &&
    !/^\s*\{/.test(Buffer.from(answer.bytes.subarray(0, 64)).toString());
  const type = isEncoded
    ? undefined
    : (telling(mediaTypeOf(answer.headers)) ?? manifestTypeOf(answer.bytes, subject.what));
  if (type !== undefined) return type;
  const found = isEncoded ? 'a compressed body, which was not asked for' : 'something that is no manifest';
  const message = `${subject.host} answered a request for ${subject.what} with ${found}`;
  throw new CtxsrcError('E_REGISTRY_PROTOCOL', message, {
    hint: strangerHint(subject.host),
    details: { host: subject.host },
  });
}
