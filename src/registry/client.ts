/**
 * A client of registries (distribution-spec, "Pull"): resolve, manifests, blobs, tags. Every manifest is checked
 * against the requested digest, whichever server sent it; blobs are checked by the code that stores them.
 */

import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import type { IngestSource } from '../contract/store.ts';
import type { Digest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { getOrMake } from '../core/get-or-make.ts';
import type { Variables } from '../core/home.ts';
import { OPEN } from '../http/addresses.ts';
import { createHttpClient } from '../http/client.ts';
import { type Clock, systemClock } from '../http/clock.ts';
import type { RequestSubject } from '../http/errors.ts';
import { contentLength, contentRange, header } from '../http/headers.ts';
import { apiHost } from '../http/host.ts';
import { download, type Resume } from '../http/resume.ts';
import { Semaphore } from '../http/semaphore.ts';
import { createApi } from './api.ts';
import type { ForeignBlob } from './foreign.ts';
import { hasTagAt, manifestAt, resolveAt } from './manifests.ts';
import { type Endpoint, endpointsFor, type RepositoryName } from './mirrors.ts';
import { tagsAt } from './tags.ts';

export type RegistryClient = ReturnType<typeof createRegistryClient>;

/**
 * @param options.env names proxies and certificate files; default: the environment of the process
 * @param options.clock default: the system's clock
 */
export function createRegistryClient(options: {
  readonly network: NetworkOptions;
  readonly env?: Variables | undefined;
  readonly clock?: Clock | undefined;
}) {
  const { network, clock = systemClock } = options;
  const http = createHttpClient(options);
  const api = createApi(http, network, clock);
  const semaphores = new Map<string, Semaphore>();
  /** Mirrors that sent a wrong blob: they are not used again. */
  const spoilt = new Set<string>();

  /**
   * Runs `work` at the mirrors, then the registry, until it succeeds. The registry's error lists the mirrors' errors.
   */
  async function eachEndpoint<T>(
    job: JobContext,
    name: RepositoryName,
    work: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> {
    const [origin, ...mirrors] = endpointsFor(name, network.mirrors);
    const failed: string[] = [];
    for (const mirror of mirrors) {
      if (spoilt.has(mirror.host)) {
        failed.push(`${mirror.host} (sent something else)`);
        continue;
      }
      const text = `mirror for ${name.host}: ${mirror.host}/${mirror.repository}`;
      job.progress.emit({ type: 'message', level: 'debug', text });
      try {
        return await work(mirror);
      } catch (error) {
        if (job.signal.aborted || !(error instanceof CtxsrcError)) throw error;
        failed.push(`${mirror.host} (${error.code})`);
        const text = `mirror ${mirror.host}: ${error.message}; asking the next place`;
        job.progress.emit({ type: 'message', level: 'verbose', text });
      }
    }
    try {
      return await work(origin);
    } catch (error) {
      if (failed.length === 0 || !(error instanceof CtxsrcError)) throw error;
      throw error.with({ message: `${error.message}; its mirrors failed before: ${failed.join(', ')}` });
    }
  }

  async function blobAt(
    job: JobContext,
    endpoint: Endpoint,
    digest: Digest,
    resume: Resume,
    maxBytes: number | undefined,
  ): Promise<IngestSource> {
    const subject = blobSubject(endpoint, digest);
    const source = await download(
      job,
      {
        subject,
        policy: http.policy,
        maxBytes,
        async open(headers) {
          const path = `blobs/${digest}`;
          const answer = await api.open(job, endpoint, { method: 'GET', path, headers, subject, stream: true });
          const usable =
            answer.status === 200 || answer.status === 206 || (answer.status === 416 && 'range' in headers);
          if (!usable) throw await api.refusal(job, endpoint, subject, answer);
          return answer;
        },
      },
      resume,
    );
    if (!endpoint.mirror) return source;
    return { ...source, doubtful: () => true, refused: () => void spoilt.add(endpoint.host) };
  }

  async function requireBlobAt(job: JobContext, endpoint: Endpoint, digest: Digest): Promise<number | undefined> {
    const subject = blobSubject(endpoint, digest);
    const request = { path: `blobs/${digest}`, subject };
    const head = await api.open(job, endpoint, { ...request, method: 'HEAD' });
    // A refused credential is not sent again.
    if (head.status === 401) throw await api.refusal(job, endpoint, subject, head);
    head.discard();
    if (head.status === 200) return contentLength(head.headers);
    // GET may be allowed where HEAD is not, and only a body gives the reason of a refusal.
    const headers = { range: 'bytes=0-0' };
    const answer = await api.open(job, endpoint, { ...request, method: 'GET', headers, stream: true });
    // An empty blob has no first byte, so 416 is success, too.
    if (![200, 206, 416].includes(answer.status)) throw await api.refusal(job, endpoint, subject, answer);
    answer.discard();
    return answer.status === 200 ? contentLength(answer.headers) : contentRange(answer.headers)?.total;
  }

  /** Takes one of the permits of `--parallel` until the body ends. */
  async function withPermit(job: JobContext, host: string, work: () => Promise<IngestSource>): Promise<IngestSource> {
    const release = await getOrMake(semaphores, host, () => new Semaphore(network.parallel)).take(job.signal);
    // A caller that does not read the body to its end has to abort the job or leave the loop: both release the permit.
    job.signal.addEventListener('abort', release, { once: true });
    const done = (): void => {
      job.signal.removeEventListener('abort', release);
      release();
    };
    try {
      const source = await work();
      return { ...source, body: finishing(source.body, done) };
    } catch (error) {
      done();
      throw error;
    }
  }

  return {
    /**
     * The current digest of a tag or digest. One HEAD if the registry answers it with digest, length and type, else a
     * GET. Errors: E_TAG_NOT_FOUND, E_NOT_FOUND, E_UNAUTHORIZED, E_FORBIDDEN, E_CREDENTIALS, E_DIGEST_MISMATCH,
     * E_REGISTRY_PROTOCOL, and those of `HttpClient.request`.
     */
    resolve: (job: JobContext, name: RepositoryName, reference: string) =>
      eachEndpoint(job, name, (endpoint) => resolveAt(job, api, endpoint, reference)),

    /** Whether the registry itself, not a mirror, has the tag: one HEAD where it answers that. Errors: as `resolve`. */
    hasTag: (job: JobContext, name: RepositoryName, tag: string) => hasTagAt(job, api, endpointsFor(name, [])[0], tag),

    /** A manifest by its digest, verified. Errors: as `resolve`; E_LIMIT over 4 MiB; E_SIZE_MISMATCH. */
    manifest: (job: JobContext, name: RepositoryName, digest: Digest, expectedSize?: number) =>
      eachEndpoint(job, name, (endpoint) => manifestAt(job, api, endpoint, digest, expectedSize)),

    /** What the registry itself, not a mirror, has beside an image that is about it. Errors: as `resolve`. */
    async beside(job: JobContext, name: RepositoryName, subject: Digest) {
      const { besideAt } = await import('./beside.ts');
      return besideAt(job, api, endpointsFor(name, [])[0], subject);
    },

    /**
     * A blob's bytes, not verified, from `resume.offset` on if the registry can resume. An interrupted download resumes
     * by itself. It holds one of `--parallel` permits until it is read to its end, left, or the job is aborted.
     * @param maxBytes limit of the size; absent: none
     * Errors: as `resolve`, with E_BLOB_NOT_FOUND, and E_LIMIT over `maxBytes`.
     */
    blob: (job: JobContext, name: RepositoryName, digest: Digest, resume: Resume = { offset: 0 }, maxBytes?: number) =>
      withPermit(job, name.host, () =>
        eachEndpoint(job, name, (endpoint) => blobAt(job, endpoint, digest, resume, maxBytes)),
      ),

    /** Checks that a blob exists, by a HEAD if the registry answers it; its size, if stated. Errors: as `blob`. */
    requireBlob: (job: JobContext, name: RepositoryName, digest: Digest) =>
      eachEndpoint(job, name, (endpoint) => requireBlobAt(job, endpoint, digest)),

    /**
     * A blob that is not in the registry but at the URLs in its descriptor, not verified; otherwise as `blob`.
     * @param namedIn the repository that has the descriptor; undefined for a file
     * Errors: those of `foreignBlob`.
     */
    foreignBlob(
      job: JobContext,
      blob: Omit<ForeignBlob, 'namedBy'>,
      namedIn: RepositoryName | undefined,
      resume: Resume = { offset: 0 },
    ): Promise<IngestSource> {
      const namedBy = namedIn === undefined ? OPEN : api.zoneOf(namedIn.host);
      return withPermit(job, 'foreign', async () => {
        const { foreignBlob } = await import('./foreign.ts');
        return foreignBlob(job, http, { ...blob, namedBy }, resume);
      });
    },

    /** A small blob (a configuration), read at once, not verified. Errors: as `blob`; E_LIMIT over `maxBytes`. */
    async document(job: JobContext, name: RepositoryName, digest: Digest, maxBytes: number): Promise<Uint8Array> {
      const { bytes } = await eachEndpoint(job, name, (endpoint) => {
        const subject = blobSubject(endpoint, digest);
        return api.fetch(job, endpoint, { method: 'GET', path: `blobs/${digest}`, subject }, maxBytes);
      });
      return bytes;
    },

    /** Tags of a repository, at most `limit`, from as many pages as necessary. Errors: as `resolve`. */
    tags: (job: JobContext, name: RepositoryName, limit: number) =>
      eachEndpoint(job, name, (endpoint) => tagsAt(job, api, endpoint, limit)),

    /**
     * Checks that the registry admits this caller (`/v2/`), and returns whether a credential was used, and the
     * registry's time. Errors: E_UNAUTHORIZED, E_FORBIDDEN, E_CREDENTIALS, E_REGISTRY_PROTOCOL, and those of `HttpClient.request`.
     */
    async ping(
      job: JobContext,
      host: string,
    ): Promise<{ readonly authenticated: boolean; readonly date: string | undefined }> {
      const endpoint: Endpoint = { host, api: apiHost(host), repository: '', mirror: false };
      const subject: RequestSubject = { host, kind: 'ping', what: 'access to its API' };
      const answer = await api.open(job, endpoint, { method: 'GET', path: '', subject });
      if (answer.status !== 200) throw await api.refusal(job, endpoint, subject, answer);
      answer.discard();
      return { authenticated: await api.authenticated(job, endpoint), date: header(answer.headers, 'date') };
    },
    close: () => http.close(),
  };
}

function blobSubject({ host, repository }: Endpoint, digest: Digest): RequestSubject {
  return { host, kind: 'blob', what: `blob ${digest} of ${host}/${repository}` };
}

/** Yields `body`, and calls `done` when it ends for any reason. */
async function* finishing(body: AsyncIterable<Uint8Array>, done: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    done();
  }
}
