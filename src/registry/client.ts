/**
 * A client of registries (distribution-spec, "Pull"): resolve, manifests, blobs, tags. Every digest that is asked for is
 * checked against the bytes that came, whoever sent them; blobs are checked by whoever stores them.
 */
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import type { IngestSource } from '../contract/store.ts';
import { type Digest, digestLike, isDigest, sha256 } from '../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import type { Descriptor } from '../oci/types.ts';
import { Authorizer } from './auth.ts';
import { type Clock, systemClock } from './clock.ts';
import { download } from './download.ts';
import { answerError, foreignText, type Subject } from './errors.ts';
import { contentLength, header, mediaTypeOf, type ResponseHeaders } from './headers.ts';
import { apiHost } from './host.ts';
import { createHttpClient, type HttpAnswer, type HttpRequest, type HttpResponse, readStart } from './http-client.ts';
import { MANIFEST_ACCEPT, manifestTypeOf, telling } from './manifest-type.ts';
import { type Endpoint, endpointsFor, type RepositoryName } from './mirrors.ts';
import type { Environment } from './proxy.ts';
import { Schemes } from './scheme.ts';
import { Slots } from './slots.ts';
import { closestTags, nextPage, readTags } from './tags.ts';

export interface Resolved {
  readonly descriptor: Descriptor;
  /** The manifest itself, verified, when it had to be fetched to know its digest. */
  readonly bytes?: Uint8Array | undefined;
}

export interface ManifestContent {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface RegistryClient {
  /**
   * What a tag or digest is now. One HEAD where the registry answers it with digest, length and type, else a GET.
   * Errors: E_TAG_NOT_FOUND, E_NOT_FOUND, E_UNAUTHORIZED, E_FORBIDDEN, E_DIGEST_MISMATCH, E_REGISTRY_PROTOCOL, and those
   * of `HttpClient.request`.
   */
  resolve(job: JobContext, name: RepositoryName, reference: string): Promise<Resolved>;
  /** A manifest by its digest, verified. Errors: as `resolve`; E_LIMIT over 4 MiB; E_SIZE_MISMATCH. */
  manifest(job: JobContext, name: RepositoryName, digest: Digest, expectedSize?: number): Promise<ManifestContent>;
  /**
   * A blob's bytes, not verified, from `resume.offset` on where the registry can. The body goes on by itself when the
   * connection breaks. It holds one of `--parallel` places until it is read to its end, left, or the job is aborted.
   */
  blob(
    job: JobContext,
    name: RepositoryName,
    digest: Digest,
    resume?: { readonly offset: number; readonly validator?: string | undefined },
  ): Promise<IngestSource>;
  /** Tags of a repository, at most `limit`, by as many pages as that takes. Errors: as `resolve`. */
  tags(job: JobContext, name: RepositoryName, limit: number): Promise<readonly string[]>;
  /**
   * Asks the registry whether it lets this caller in (`/v2/`).
   * @returns whether a credential was used. Errors: E_UNAUTHORIZED, E_FORBIDDEN, E_REGISTRY_PROTOCOL, those of `HttpClient.request`.
   */
  ping(job: JobContext, host: string): Promise<{ readonly authenticated: boolean }>;
  close(): Promise<void>;
}

/** A manifest larger than this is refused (exit 8). */
export const LARGEST_MANIFEST = 4 * 1024 * 1024;
const ERROR_BODY = 64 * 1024;
const TAGS_PAGE = 1000;

/**
 * @param options.env where proxies and certificate files are named; the process's environment unless given
 * @param options.clock the system's unless given
 */
export function createRegistryClient(options: {
  readonly network: NetworkOptions;
  readonly env?: Environment | undefined;
  readonly clock?: Clock | undefined;
}): RegistryClient {
  const { network, clock = systemClock } = options;
  const http = createHttpClient(options);
  const schemes = new Schemes(network);
  const authorizers = new Map<string, Authorizer>();
  const slots = new Map<string, Slots>();

  function authorizerOf(endpoint: Endpoint): Authorizer {
    let authorizer = authorizers.get(endpoint.host);
    if (authorizer === undefined) {
      authorizer = new Authorizer({ host: endpoint.host, http, clock });
      authorizers.set(endpoint.host, authorizer);
    }
    return authorizer;
  }

  /** Sends an authorized request to one endpoint by `send`. */
  function call<T extends { readonly status: number; readonly headers: ResponseHeaders; readonly url: URL }>(
    job: JobContext,
    endpoint: Endpoint,
    request: {
      readonly method: 'GET' | 'HEAD';
      readonly path: string;
      readonly headers?: Record<string, string>;
      readonly subject: Subject;
    },
    send: (request: HttpRequest) => Promise<T>,
    discard: (answer: T) => void,
  ): Promise<T> {
    const authorizer = authorizerOf(endpoint);
    return schemes.run(endpoint.api, (scheme, settled) => {
      const below = endpoint.repository === '' ? '' : `${endpoint.repository}/`;
      const url = new URL(`${scheme}://${endpoint.api}/v2/${below}${request.path}`);
      return authorizer.run(
        job,
        endpoint.repository,
        url.origin,
        request.subject,
        (secretHeaders) =>
          send({
            method: request.method,
            url,
            headers: { 'accept-encoding': 'identity', ...request.headers },
            secretHeaders,
            subject: request.subject,
            secrets: authorizer.secrets,
            connectOnce: !settled,
            // A mirror that is in trouble has the registry behind it.
            retries: endpoint.mirror ? 1 : undefined,
          }),
        discard,
      );
    });
  }

  const open = (job: JobContext, endpoint: Endpoint, request: Parameters<typeof call>[2]): Promise<HttpResponse> =>
    call(
      job,
      endpoint,
      request,
      (one) => http.request(job, one),
      (answer) => answer.discard(),
    );

  async function refuse(
    job: JobContext,
    endpoint: Endpoint,
    subject: Subject,
    status: number,
    text: string,
  ): Promise<CtxsrcError> {
    const authorizer = authorizerOf(endpoint);
    const error = answerError(subject, { status, text, secrets: authorizer.secrets });
    return status === 401 || status === 403 ? authorizer.denied(job, endpoint.repository, error) : error;
  }

  async function getManifest(
    job: JobContext,
    endpoint: Endpoint,
    reference: string,
    subject: Subject,
  ): Promise<HttpAnswer> {
    const answer = await call(
      job,
      endpoint,
      { method: 'GET', path: `manifests/${reference}`, headers: { accept: MANIFEST_ACCEPT }, subject },
      (one) => http.fetch(job, one, LARGEST_MANIFEST),
      () => undefined,
    );
    if (answer.status !== 200) {
      throw await refuse(job, endpoint, subject, answer.status, Buffer.from(answer.bytes).toString('utf8'));
    }
    return answer;
  }

  /** The digest, type and size that a HEAD's answer states; undefined when a GET has to find them out. */
  function stated(answer: HttpResponse, reference: string): Descriptor | undefined {
    const size = contentLength(answer.headers);
    const mediaType = telling(mediaTypeOf(answer.headers));
    const digest = header(answer.headers, 'docker-content-digest') ?? (isDigest(reference) ? reference : undefined);
    if (size === undefined || size === 0 || mediaType === undefined || digest === undefined || !isDigest(digest))
      return undefined;
    // Something else than what was asked for: the content decides who is right.
    if (isDigest(reference) && digest !== reference) return undefined;
    return { mediaType, digest, size };
  }

  async function resolveAt(job: JobContext, endpoint: Endpoint, reference: string): Promise<Resolved> {
    const subject = manifestSubject(endpoint, reference);
    const answer = await open(job, endpoint, {
      method: 'HEAD',
      path: `manifests/${reference}`,
      headers: { accept: MANIFEST_ACCEPT },
      subject,
    });
    answer.discard();
    if (answer.status === 401 || answer.status === 403) throw await refuse(job, endpoint, subject, answer.status, '');
    const descriptor = answer.status === 200 ? stated(answer, reference) : undefined;
    if (descriptor !== undefined) return { descriptor };
    // No HEAD there, or too little said; and for what does not exist, a body that says which part of the name is wrong.
    const full = await getManifest(job, endpoint, reference, subject).catch(async (error: unknown) => {
      if (endpoint.mirror || !isCtxsrcError(error, 'E_TAG_NOT_FOUND')) throw error;
      throw await withCandidates(job, endpoint, reference, error);
    });
    const said = header(full.headers, 'docker-content-digest');
    const wanted = isDigest(reference) ? reference : said !== undefined && isDigest(said) ? said : undefined;
    const digest = wanted === undefined ? sha256(full.bytes) : checked(subject, wanted, full.bytes);
    const mediaType = manifestType(subject, full);
    return { descriptor: { mediaType, digest, size: full.bytes.length }, bytes: full.bytes };
  }

  async function tagsAt(
    job: JobContext,
    endpoint: Endpoint,
    limit: number,
    retries?: number,
  ): Promise<readonly string[]> {
    const subject: Subject = {
      host: endpoint.host,
      kind: 'tags',
      what: `the tags of ${endpoint.host}/${endpoint.repository}`,
    };
    const tags: string[] = [];
    let path: string | undefined = `tags/list?n=${Math.min(limit, TAGS_PAGE)}`;
    const seen = new Set<string>();
    while (path !== undefined && tags.length < limit && !seen.has(path)) {
      seen.add(path);
      const answer: HttpAnswer = await call(
        job,
        endpoint,
        { method: 'GET', path, subject },
        (one) => http.fetch(job, { ...one, retries: retries ?? one.retries }, LARGEST_MANIFEST),
        () => undefined,
      );
      if (answer.status !== 200) {
        throw await refuse(job, endpoint, subject, answer.status, Buffer.from(answer.bytes).toString('utf8'));
      }
      tags.push(...readTags(answer.bytes));
      const next = nextPage(answer.headers, answer.url);
      path = next === undefined ? undefined : `tags/list${next.search}`;
    }
    return tags.slice(0, limit);
  }

  /** A missing tag's error with the tags that could have been meant, where the registry tells them at the first try. */
  async function withCandidates(
    job: JobContext,
    endpoint: Endpoint,
    tag: string,
    error: CtxsrcError,
  ): Promise<CtxsrcError> {
    let tags: readonly string[];
    try {
      tags = await tagsAt(job, endpoint, TAGS_PAGE, 0);
    } catch (failure) {
      if (job.signal.aborted || !(failure instanceof CtxsrcError)) throw failure;
      return error;
    }
    const candidates = closestTags(tags, tag);
    if (candidates.length === 0) return error;
    return new CtxsrcError(error.code, error.message, {
      cause: error.cause,
      details: { ...error.details, candidates },
      hint: `tags there: ${candidates.join(', ')}${tags.length > candidates.length ? ', …' : ''}`,
    });
  }

  async function manifestAt(
    job: JobContext,
    endpoint: Endpoint,
    digest: Digest,
    size: number | undefined,
  ): Promise<ManifestContent> {
    const subject = manifestSubject(endpoint, digest);
    if (size !== undefined && size > LARGEST_MANIFEST) {
      throw new CtxsrcError(
        'E_LIMIT',
        `${subject.what} is said to have ${size} bytes; more than ${LARGEST_MANIFEST} are not read`,
      );
    }
    const full = await getManifest(job, endpoint, digest, subject);
    checked(subject, digest, full.bytes);
    if (size !== undefined && full.bytes.length !== size) {
      throw new CtxsrcError(
        'E_SIZE_MISMATCH',
        `${subject.what} has ${full.bytes.length} bytes where ${size} were promised`,
        {
          hint: 'the index that refers to it is wrong: push the image again',
        },
      );
    }
    return { mediaType: manifestType(subject, full), bytes: full.bytes };
  }

  /** Runs `work` at one place after another until one succeeds; the error is the registry's own, the mirrors' are told. */
  async function eachEndpoint<T>(
    job: JobContext,
    name: RepositoryName,
    work: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> {
    const endpoints = endpointsFor(name, network.mirrors);
    for (const endpoint of endpoints) {
      try {
        return await work(endpoint);
      } catch (error) {
        if (!endpoint.mirror || !(error instanceof CtxsrcError)) throw error;
        job.progress.emit({
          type: 'message',
          level: 'verbose',
          text: `mirror ${endpoint.host}: ${error.message}; asking the next one`,
        });
      }
    }
    throw new CtxsrcError('E_INTERNAL', `no place to ask for ${name.host}/${name.repository}`);
  }

  async function openBlob(
    job: JobContext,
    endpoint: Endpoint,
    digest: Digest,
    subject: Subject,
    headers: Readonly<Record<string, string>>,
  ): Promise<HttpResponse> {
    const answer = await open(job, endpoint, {
      method: 'GET',
      path: `blobs/${digest}`,
      headers: { ...headers },
      subject,
    });
    if (answer.status === 200 || answer.status === 206 || answer.status === 416) return answer;
    throw await refuse(job, endpoint, subject, answer.status, await readStart(answer, ERROR_BODY));
  }

  return {
    resolve: (job, name, reference) => eachEndpoint(job, name, (endpoint) => resolveAt(job, endpoint, reference)),
    manifest: (job, name, digest, expectedSize) =>
      eachEndpoint(job, name, (endpoint) => manifestAt(job, endpoint, digest, expectedSize)),
    async blob(job, name, digest, resume = { offset: 0 }) {
      const subject = (endpoint: Endpoint): Subject => ({
        host: endpoint.host,
        kind: 'blob',
        what: `blob ${digest} of ${foreignText(`${endpoint.host}/${endpoint.repository}`)}`,
      });
      let places = slots.get(name.host);
      if (places === undefined) {
        places = new Slots(network.parallel);
        slots.set(name.host, places);
      }
      const release = await places.take(job.signal);
      job.signal.addEventListener('abort', release, { once: true });
      const done = (): void => {
        job.signal.removeEventListener('abort', release);
        release();
      };
      try {
        const source = await eachEndpoint(job, name, (endpoint) => {
          const about = subject(endpoint);
          const from = {
            subject: about,
            policy: http.policy,
            open: (h: Readonly<Record<string, string>>) => openBlob(job, endpoint, digest, about, h),
          };
          return download(job, from, resume);
        });
        return { ...source, body: finishing(source.body, done) };
      } catch (error) {
        done();
        throw error;
      }
    },
    tags: (job, name, limit) => eachEndpoint(job, name, (endpoint) => tagsAt(job, endpoint, limit)),
    async ping(job, host) {
      const endpoint: Endpoint = { host, api: apiHost(host), repository: '', mirror: false };
      const subject: Subject = { host, kind: 'ping', what: 'access to its API' };
      const answer = await open(job, endpoint, { method: 'GET', path: '', subject });
      const text = await readStart(answer, ERROR_BODY);
      if (answer.status !== 200) throw await refuse(job, endpoint, subject, answer.status, text);
      return { authenticated: await authorizerOf(endpoint).presented(job, '') };
    },
    close: () => http.close(),
  };
}

/** `body`, with `done` called when it is over, however it ends. */
async function* finishing(body: AsyncIterable<Uint8Array>, done: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    done();
  }
}

function manifestSubject(endpoint: Endpoint, reference: string): Subject {
  const at = isDigest(reference) ? '@' : ':';
  return {
    host: endpoint.host,
    kind: isDigest(reference) ? 'manifest' : 'tag',
    what: `${endpoint.host}/${endpoint.repository}${at}${reference}`,
  };
}

/** The digest, when the bytes have it. E_DIGEST_MISMATCH else. */
function checked(subject: Subject, wanted: Digest, bytes: Uint8Array): Digest {
  const found = digestLike(wanted, bytes);
  if (found === wanted) return wanted;
  throw new CtxsrcError(
    'E_DIGEST_MISMATCH',
    `${subject.host} sent ${found} as ${subject.what}, where ${wanted} was promised`,
    {
      hint: 'the registry, or a proxy before it, changes content; try it directly or by another mirror',
      details: { host: subject.host, expected: wanted, found },
    },
  );
}

function manifestType(subject: Subject, answer: HttpAnswer): string {
  const type = telling(mediaTypeOf(answer.headers)) ?? manifestTypeOf(answer.bytes);
  if (type !== undefined) return type;
  throw new CtxsrcError(
    'E_REGISTRY_PROTOCOL',
    `${subject.host} answered a request for ${subject.what} with something that is no manifest`,
    {
      hint: `check that ${subject.host} is a registry, and that no proxy answers in its place`,
      details: { host: subject.host },
    },
  );
}
