/** Reading an entry: a body is asked for by its digest; for a pack its manifest says which, with one request more. */
import { open } from 'node:fs/promises';
import type { JobContext } from '../../contract/session.ts';
import type { SharedContent } from '../../contract/shared-cache.ts';
import type { NetworkOptions } from '../../contract/source.ts';
import { type Digest, digestHex, hasherFor } from '../../core/digest.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { tooManyBytes } from '../../core/read-limits.ts';
import { writeAll } from '../../fs/write/write-all.ts';
import { createHttpClient } from '../../http/client.ts';
import { systemClock } from '../../http/clock.ts';
import type { RequestSubject } from '../../http/errors.ts';
import { contentLength } from '../../http/headers.ts';
import { decodeManifest } from '../../oci/decode.ts';
import { MEDIA_TYPE } from '../../oci/media-types.ts';
import type { Descriptor } from '../../oci/types.ts';
import { createApi } from '../api.ts';
import { endpointsFor, type RepositoryName } from '../mirrors.ts';
import { tagOf } from './entry.ts';
import type { Advance } from './patience.ts';

/** Those of entries have some hundred bytes. */
const LARGEST_MANIFEST = 64 * 1024;

export interface Reader {
  /**
   * Receives the bytes of an entry into a new file, their digest verified.
   * @throws E_NOT_FOUND and its kin for what is not there; E_LIMIT, E_DIGEST_MISMATCH, E_DISK_FULL; those of
   * `HttpClient.request` and `decodeManifest`
   */
  receive(
    job: JobContext,
    content: SharedContent,
    to: { readonly path: string; readonly maxBytes: number },
    advance: Advance,
  ): Promise<void>;
  close(): Promise<void>;
}

export function createReader(network: NetworkOptions, name: RepositoryName): Reader {
  const http = createHttpClient({ network });
  const api = createApi(http, network, systemClock);
  // A mirror knows nothing of what was put into the registry a moment ago.
  const [endpoint] = endpointsFor(name, []);

  /** The layer of an entry, as its manifest says. */
  async function layerOf(job: JobContext, tag: string): Promise<Pick<Descriptor, 'digest' | 'size'>> {
    const what = `${name.host}/${name.repository}:${tag}`;
    const subject: RequestSubject = { host: name.host, kind: 'tag', what };
    const headers = { accept: MEDIA_TYPE.ociManifest };
    const request = { method: 'GET' as const, path: `manifests/${tag}`, headers, subject };
    const { bytes } = await api.fetch(job, endpoint, request, LARGEST_MANIFEST);
    const [layer, ...others] = decodeManifest(bytes, MEDIA_TYPE.ociManifest, what).value.layers;
    if (layer?.digest.startsWith('sha256:') === true && others.length === 0) return layer;
    throw new CtxsrcError('E_MANIFEST_INVALID', `${what} is no entry of a cache`);
  }

  return {
    async receive(job, content, { path, maxBytes }, { passed, answered }) {
      const known = { digest: content.pin as Digest, size: maxBytes };
      const { digest, size } = content.kind === 'body' ? known : await layerOf(job, tagOf(content));
      const most = Math.min(size, maxBytes);
      answered();
      const what = `${name.host}/${name.repository}@${digest}`;
      const subject: RequestSubject = { host: name.host, kind: 'blob', what };
      const answer = await api.open(job, endpoint, { method: 'GET', path: `blobs/${digest}`, subject, stream: true });
      if (answer.status !== 200) throw await api.refusal(job, endpoint, subject, answer);
      const declared = contentLength(answer.headers) ?? 0;
      if (declared > most) {
        answer.discard();
        throw tooManyBytes(subject.what, most, declared);
      }
      const hash = hasherFor(digest);
      // A disk that is filled by what the cache sends is a fault of the cache: what was asked for may still fit.
      const full = (error: unknown): never => {
        throw localError(error, `cannot keep what ${name.host} sent`);
      };
      const file = await open(path, 'wx', 0o600).catch(full);
      try {
        let received = 0;
        for await (const chunk of answer.body) {
          if (received + chunk.length > most) throw tooManyBytes(subject.what, most);
          await writeAll(file, chunk, received).catch(full);
          hash.update(chunk);
          received += chunk.length;
          passed(chunk.length);
        }
      } finally {
        await file.close();
      }
      if (hash.digest('hex') === digestHex(digest)) return;
      throw new CtxsrcError('E_DIGEST_MISMATCH', `${subject.what} has another content`);
    },
    close: () => http.close(),
  };
}
