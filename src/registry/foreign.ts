/**
 * Blobs at the `urls` of their descriptor instead of in a registry: layers under a licence, such as those of Windows
 * (OCI image-spec, "Content Descriptors"). A stranger chose the URLs: no credential is sent to them, they may lead only
 * to addresses that their author may name, and the bytes are worthless until their digest is verified.
 */
import type { JobContext } from '../contract/session.ts';
import type { IngestSource } from '../contract/store.ts';
import type { Digest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import type { Zone } from '../http/addresses.ts';
import { readStart } from '../http/body.ts';
import type { HttpClient, HttpResponse } from '../http/client.ts';
import { codeOfStatus, type RequestSubject, saying } from '../http/errors.ts';
import { download, type Resume } from '../http/resume.ts';

export interface ForeignBlob {
  readonly digest: Digest;
  readonly urls: readonly string[];
  /** For messages: `layer sha256:… of the/image`. */
  readonly what: string;
  /** The zone of the server that named the URLs. */
  readonly namedBy: Zone;
}

/** Number of URLs of one blob that are tried. */
const MOST_URLS = 8;

/**
 * The blob from the first URL that has it, not verified. Errors: that of the last URL, which lists the others; E_UNSAFE
 * for an address that may not be named; E_BLOB_NOT_FOUND if no URL has it.
 */
export async function foreignBlob(
  job: JobContext,
  http: HttpClient,
  blob: ForeignBlob,
  resume: Resume,
): Promise<IngestSource> {
  const failures: CtxsrcError[] = [];
  for (const text of blob.urls.slice(0, MOST_URLS)) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) continue;
    try {
      return await blobAt(job, http, blob, url, resume);
    } catch (error) {
      if (job.signal.aborted || !(error instanceof CtxsrcError)) throw error;
      failures.push(error);
    }
  }
  const last = failures.at(-1);
  const reasons = failures.map(({ message }) => message).join('; ');
  throw new CtxsrcError(
    last?.code ?? 'E_BLOB_NOT_FOUND',
    `${blob.what} is to be had only at the addresses that the image names, and ${reasons || 'they are none'}`,
    {
      cause: last,
      details: last?.details,
      hint: last?.code === 'E_UNSAFE' ? last.hint : 'ask whoever made the image, or push it with all its layers',
    },
  );
}

function blobAt(
  job: JobContext,
  http: HttpClient,
  { what, namedBy }: ForeignBlob,
  url: URL,
  resume: Resume,
): Promise<IngestSource> {
  const subject: RequestSubject = { host: url.host, kind: 'file', what };
  return download(
    job,
    {
      subject: { ...subject, what: `${what} from ${url.host}` },
      policy: http.policy,
      async open(range) {
        const headers = { 'accept-encoding': 'identity', ...range };
        const answer = await http.request(job, {
          method: 'GET',
          url,
          headers,
          subject,
          namedBy,
          identify: false,
          stream: true,
        });
        if (answer.status === 200 || answer.status === 206 || (answer.status === 416 && 'range' in range))
          return answer;
        throw await refusal(url, answer);
      },
    },
    resume,
  );
}

async function refusal({ host }: URL, answer: HttpResponse): Promise<CtxsrcError> {
  const { status } = answer;
  const said = saying(await readStart(answer), []);
  const code = codeOfStatus(status);
  const details = { host, status };
  const message = `${host} answers with status ${status}${said}`;
  return new CtxsrcError(code === 'E_NOT_FOUND' ? 'E_BLOB_NOT_FOUND' : code, message, { details });
}
