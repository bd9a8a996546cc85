/** Manifests and indexes on their way into a repository. */
import type { JobContext } from '../../contract/session.ts';
import { type Digest, digestAlgorithm, digestLike, isDigest } from '../../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { isObject, jsonObject } from '../../core/is-object.ts';
import { readAll } from '../../http/body.ts';
import type { RequestSubject } from '../../http/errors.ts';
import { header } from '../../http/headers.ts';
import { RetryBudget, TransientError } from '../../http/retry.ts';
import { MANIFEST_ACCEPT } from '../manifest-type.ts';
import { ask, askPatiently, checkStored, isAccepted, type PushTarget, refuse } from './target.ts';

export interface OutgoingManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** The registry does not have what a manifest refers to, whatever it said before. */
export class MissingContent extends Error {
  readonly error: CtxsrcError;
  /** The digests that the registry named; empty if it named none. */
  readonly digests: ReadonlySet<string>;

  constructor(error: CtxsrcError, digests: ReadonlySet<string>) {
    super(error.message, { cause: error });
    this.error = error;
    this.digests = digests;
  }
}

/** A manifest has at most 4 MiB, and an answer about one less. */
const LARGEST_ANSWER = 4 * 1024 * 1024;

/**
 * The digest that a tag, or a digest, names in the repository; undefined if it names nothing.
 * @param first the first request of a push: it also finds out how the server is spoken to
 * @throws E_UNAUTHORIZED, E_FORBIDDEN, and those of `HttpClient.request`
 */
export async function named(
  job: JobContext,
  target: PushTarget,
  like: Digest,
  reference: string,
  { first = false }: { readonly first?: boolean } = {},
): Promise<string | undefined> {
  const subject = manifestSubject(target, reference);
  const request = { path: `manifests/${reference}`, headers: { accept: MANIFEST_ACCEPT }, subject };
  const head = { method: 'HEAD', ...request } as const;
  const answer = await (first ? target.api.open(job, target.endpoint, head) : askPatiently(job, target, head));
  if (answer.status === 401) throw await refuse(job, target, subject, answer);
  answer.discard();
  if (answer.status !== 200) return undefined;
  const said = header(answer.headers, 'docker-content-digest');
  if (said !== undefined && isDigest(said) && digestAlgorithm(said) === digestAlgorithm(like)) return said;
  if (isDigest(reference)) return reference;
  const whole = await askPatiently(job, target, { method: 'GET', ...request });
  const bytes = await readAll(whole, LARGEST_ANSWER, subject);
  return whole.status === 200 ? digestLike(like, bytes) : undefined;
}

/**
 * A manifest or index of the repository, verified.
 * @throws E_DIGEST_MISMATCH, and those of reading from a registry
 */
export async function storedManifest(job: JobContext, target: PushTarget, digest: Digest): Promise<Uint8Array> {
  const subject = manifestSubject(target, digest);
  const headers = { accept: MANIFEST_ACCEPT };
  const answer = await askPatiently(job, target, { method: 'GET', path: `manifests/${digest}`, headers, subject });
  if (answer.status !== 200) throw await refuse(job, target, subject, answer);
  const bytes = await readAll(answer, LARGEST_ANSWER, subject);
  if (digestLike(digest, bytes) === digest) return bytes;
  throw new CtxsrcError('E_DIGEST_MISMATCH', `${subject.host} sent something else as ${subject.what}`, {
    hint: 'the registry, or a proxy before it, changes content: push to it directly',
  });
}

/**
 * Puts a manifest under its digest, or under a tag.
 * @returns true if the registry says that it keeps it in the list of its subject's referrers
 * @throws MissingContent; E_TARGET_EXISTS for a tag that does not move; E_LIMIT and the other refusals of a registry
 */
export async function putManifest(
  job: JobContext,
  target: PushTarget,
  { digest, mediaType, bytes }: OutgoingManifest,
  reference: string,
): Promise<boolean> {
  const subject = manifestSubject(target, reference);
  const budget = new RetryBudget(target.policy);
  const body = {
    length: bytes.length,
    async *open() {
      yield bytes;
    },
  };
  for (;;) {
    try {
      const headers = { 'content-type': mediaType };
      const answer = await ask(job, target, { method: 'PUT', path: `manifests/${reference}`, headers, body, subject });
      if (isAccepted(answer.status)) {
        answer.discard();
        checkStored(answer, digest, subject);
        return header(answer.headers, 'oci-subject') !== undefined;
      }
      const said = await readAll(answer, LARGEST_ANSWER, subject);
      const tag = isDigest(reference) ? undefined : reference;
      const error = await refuse(job, target, subject, { ...answer, bytes: said }, tag);
      // What is there may be this very manifest: put by a lost try, or by another that pushes the same.
      const isTaken = error.code === 'E_TARGET_EXISTS' || answer.status === 409;
      if (isTaken && (await named(job, target, digest, reference)) === digest) return false;
      const missing = missingIn(said);
      throw missing === undefined ? error : new MissingContent(error, missing);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      await budget.wait(error, job).catch((last: unknown) => {
        throw mayBeAddresses(last, bytes);
      });
      if ((await named(job, target, digest, reference)) === digest) return false;
    }
  }
}

/** Docker's registry, unless told otherwise, takes no manifest with addresses of layers, and says nothing of them. */
function mayBeAddresses(error: unknown, bytes: Uint8Array): unknown {
  if (!isCtxsrcError(error, 'E_SERVER') || !Buffer.from(bytes).includes('"urls"')) return error;
  const hint =
    'the image has layers with addresses (urls): the registry may have to allow them (docker: validation.manifests.urls.allow)';
  return error.with({ hint });
}

const UNKNOWN = new Set(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN']);

/** The digests that an answer says are missing; undefined if it says something else. */
function missingIn(said: Uint8Array): ReadonlySet<string> | undefined {
  const errors = jsonObject(Buffer.from(said).toString())?.errors;
  const known = (Array.isArray(errors) ? errors : []).filter(
    (one): one is Record<string, unknown> => isObject(one) && UNKNOWN.has(String(one.code)),
  );
  if (known.length === 0) return undefined;
  return new Set(JSON.stringify(known).match(/sha(?:256|384|512):[0-9a-f]{64,128}/g) ?? []);
}

/** The error for content that is missing again after it was sent again. */
export function losesContent({ error }: MissingContent, { endpoint }: PushTarget): CtxsrcError {
  const message = `${endpoint.host} loses what was pushed: ${error.message}`;
  return new CtxsrcError('E_SERVER', message, {
    hint: 'the tag was not touched; run again when no collection runs there, or tell its operator',
    details: error.details,
    cause: error,
  });
}

function manifestSubject({ endpoint: { host, repository } }: PushTarget, reference: string): RequestSubject {
  const separator = isDigest(reference) ? '@' : ':';
  return { host, kind: 'upload', what: `${host}/${repository}${separator}${reference}` };
}
