/** Reading an entry: a body is asked for by its digest, in one request; a pack by its manifest, in two. */
import { open } from 'node:fs/promises';
import type { JobContext } from '../../contract/session.ts';
import type { SharedContent } from '../../contract/shared-cache.ts';
import type { NetworkOptions } from '../../contract/source.ts';
import { type Digest, digestHex, hasherFor } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { tooManyBytes } from '../../core/read-limits.ts';
import { writeAll } from '../../fs/write/write-all.ts';
import { createHttpClient } from '../../http/client.ts';
import { systemClock } from '../../http/clock.ts';
import type { RequestSubject } from '../../http/errors.ts';
import { contentLength } from '../../http/headers.ts';
import { createApi } from '../api.ts';
import { MANIFEST_ACCEPT } from '../manifest-type.ts';
import { endpointsFor, type RepositoryName } from '../mirrors.ts';
import { LARGEST_MANIFEST, layerOf, tagOf } from './entry.ts';

export interface Reader {
  /**
   * Receives the bytes of an entry into a new file, its digest verified.
   * @param passed called with the number of bytes that arrived
   * @throws E_NOT_FOUND and its kin for what is not there; E_LIMIT, E_DIGEST_MISMATCH, E_MANIFEST_INVALID; those of
   * `HttpClient.request`
   */
  receive(
    job: JobContext,
    content: SharedContent,
    to: { readonly path: string; readonly maxBytes: number },
    passed: (bytes: number) => void,
  ): Promise<void>;
  close(): Promise<void>;
}

export function createReader(network: NetworkOptions, name: RepositoryName): Reader {
  const http = createHttpClient({ network });
  const api = createApi(http, network, systemClock);
  // A mirror knows nothing of what was put into the registry a moment ago.
  const [endpoint] = endpointsFor(name, []);
  const place = `${name.host}/${name.repository}`;

  async function layer(job: JobContext, content: SharedContent): Promise<{ digest: Digest; size?: number }> {
    if (content.kind === 'body') return { digest: content.pin as Digest };
    const tag = tagOf(content);
    const subject: RequestSubject = { host: name.host, kind: 'tag', what: `${place}:${tag}` };
    const headers = { accept: MANIFEST_ACCEPT };
    const request = { method: 'GET', path: `manifests/${tag}`, headers, subject } as const;
    const { bytes } = await api.fetch(job, endpoint, request, LARGEST_MANIFEST);
    return layerOf(bytes, subject.what);
  }

  return {
    async receive(job, content, { path, maxBytes }, passed) {
      const { digest, size } = await layer(job, content);
      const most = Math.min(maxBytes, size ?? maxBytes);
      const subject: RequestSubject = { host: name.host, kind: 'blob', what: `${place}@${digest}` };
      if (size !== undefined && size > maxBytes) throw tooManyBytes(subject.what, maxBytes, size);
      const answer = await api.open(job, endpoint, { method: 'GET', path: `blobs/${digest}`, subject, stream: true });
      if (answer.status !== 200) throw await api.refusal(job, endpoint, subject, answer);
      const declared = contentLength(answer.headers) ?? 0;
      if (declared > most) {
        answer.discard();
        throw tooManyBytes(subject.what, most, declared);
      }
      const hash = hasherFor(digest);
      const file = await open(path, 'wx', 0o600);
      try {
        let received = 0;
        for await (const chunk of answer.body) {
          if (received + chunk.length > most) throw tooManyBytes(subject.what, most);
          await writeAll(file, chunk, received);
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
