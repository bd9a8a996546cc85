/** Reading an entry: its layer is asked for by the digest, in one request. */
import { open } from 'node:fs/promises';
import type { JobContext } from '../../contract/session.ts';
import type { SharedContent } from '../../contract/shared-cache.ts';
import type { NetworkOptions } from '../../contract/source.ts';
import { digestHex, hasherFor } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { tooManyBytes } from '../../core/read-limits.ts';
import { writeAll } from '../../fs/write/write-all.ts';
import { createHttpClient } from '../../http/client.ts';
import { systemClock } from '../../http/clock.ts';
import type { RequestSubject } from '../../http/errors.ts';
import { contentLength } from '../../http/headers.ts';
import { createApi } from '../api.ts';
import { endpointsFor, type RepositoryName } from '../mirrors.ts';

export interface Reader {
  /**
   * Receives the bytes of an entry into a new file, its digest verified.
   * @param passed called with the number of bytes that arrived
   * @throws E_NOT_FOUND and its kin for what is not there; E_LIMIT, E_DIGEST_MISMATCH; those of
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
  return {
    async receive(job, { pin: digest }, { path, maxBytes: most }, passed) {
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
