/**
 * A blob in parts, for registries that refused it whole. A part is never sent again blindly: after a failure the
 * session is asked what it has.
 */
import type { JobContext } from '../../contract/session.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { HttpResponse } from '../../http/client.ts';
import type { RequestSubject } from '../../http/errors.ts';
import { header } from '../../http/headers.ts';
import { RetryBudget, TransientError } from '../../http/retry.ts';
import { type BlobContent, type OutgoingBlob, verified } from './blob.ts';
import { ask, checkStored, isAccepted, nextLocation, type PushTarget, refuse, withDigest } from './target.ts';

/** The most that a part may have where nothing else is known, and what is tried where that is too much. */
const LARGE = 10 * 1024 * 1024;
const SMALL = 4 * 1024 * 1024;
/** A blob below this size is not sent in parts. */
const LEAST = 1024 * 1024;
/** A part that is not the last one has this much where the blob does: some registries want it and do not say so. */
const OFTEN_LEAST = 5 * 1024 * 1024;

/** An upload that the registry has begun. */
export interface UploadSession {
  readonly url: URL;
  /** The least that a part may have, the last one aside. */
  readonly least: number;
}

/** The size of parts for a blob that was refused whole; undefined if parts would be no help. */
export function chunkFor(size: number): number | undefined {
  if (size < LEAST) return undefined;
  const half = Math.ceil(size / 2);
  return size > OFTEN_LEAST ? Math.min(LARGE, Math.max(OFTEN_LEAST, half)) : half;
}

/**
 * Sends a blob in parts of `target.chunk` bytes, the last one with the closing request.
 * @throws TransientError when the session is lost, or does not grow: the blob needs a new one; E_LIMIT for a part that is too large
 */
export async function sendChunks(
  job: JobContext,
  target: PushTarget,
  blob: OutgoingBlob,
  content: BlobContent,
  { session, subject }: { readonly session: UploadSession; readonly subject: RequestSubject },
): Promise<void> {
  // Wrong bytes must not be found out after most of them were sent.
  for await (const _ of verified(blob, content)) job.signal.throwIfAborted();
  const part = (start: number, end: number) => ({
    headers: { 'content-type': 'application/octet-stream', 'content-range': `${start}-${end - 1}` },
    body: { length: end - start, open: () => content.open(start, end) },
  });
  const budget = new RetryBudget(target.policy);
  let { url } = session;
  let offset = 0;
  let furthest = 0;
  let size = Math.max(target.chunk ?? LARGE, session.least);
  let refused = 0;
  while (blob.size - offset > size) {
    const end = offset + size;
    let answer: HttpResponse;
    try {
      answer = await ask(job, target, { method: 'PATCH', path: '', at: url, subject, ...part(offset, end) });
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      await budget.wait(error, job);
      ({ url, offset } = await asked(job, target, url, subject, end));
      continue;
    }
    if (isAccepted(answer.status)) {
      answer.discard();
      url = nextLocation(answer, subject) ?? url;
      const now = reached(answer, subject, end) ?? end;
      if (now <= offset) throw stuck(target, subject, now);
      offset = now;
      // What was had before and lost is no progress: a registry that forgets parts would be tried without end.
      if (offset > furthest) {
        furthest = offset;
        refused = 0;
        budget.restore();
      }
    } else if (answer.status === 416 && refused < 2) {
      answer.discard();
      refused += 1;
      // Either the part is too large, or the registry has got another number of bytes.
      size = Math.max(Math.min(size, SMALL), session.least);
      target.chunk = size;
      ({ url, offset } = await asked(job, target, url, subject, end));
    } else if (answer.status === 404) throw await lost(job, target, subject, answer);
    else throw await refuse(job, target, subject, answer);
  }
  const at = withDigest(url, blob.digest);
  const answer = await ask(job, target, { method: 'PUT', path: '', at, subject, ...part(offset, blob.size) });
  // 416: it has another number of bytes than it said.
  if (answer.status === 404 || answer.status === 416) throw await lost(job, target, subject, answer);
  if (!isAccepted(answer.status)) throw await refuse(job, target, subject, answer);
  answer.discard();
  checkStored(answer, blob.digest, subject);
}

/** Asks the session how far it is. */
async function asked(
  job: JobContext,
  target: PushTarget,
  url: URL,
  subject: RequestSubject,
  most: number,
): Promise<{ url: URL; offset: number }> {
  const answer = await ask(job, target, { method: 'GET', path: '', at: url, subject });
  const offset = isAccepted(answer.status) ? reached(answer, subject, most) : undefined;
  if (offset === undefined) throw await lost(job, target, subject, answer);
  answer.discard();
  return { url: nextLocation(answer, subject) ?? url, offset };
}

/** The number of bytes that the registry says it has; undefined if it does not say. */
function reached(answer: HttpResponse, subject: RequestSubject, most: number): number | undefined {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(header(answer.headers, 'range') ?? '')?.[1];
  if (last === undefined) return undefined;
  // Of an empty upload some say 0-0.
  const offset = last === '0' ? 0 : Number(last) + 1;
  // The last byte is what the specification has there; some write the number of bytes.
  if (offset <= most + 1) return Math.min(offset, most);
  const message = `${subject.host} has got ${offset} bytes of ${subject.what}, and only ${most} were sent`;
  throw new TransientError(new CtxsrcError('E_SERVER', message, { hint: 'try again later' }));
}

/** The failure of an upload that does not grow by the parts that the registry accepts. */
function stuck({ pace }: PushTarget, { host, what }: RequestSubject, offset: number): TransientError {
  pace.suffer(undefined);
  const message = `${host} accepted a part of ${what}, and has no more than ${offset} bytes of it`;
  const hint = `try again later, or have what stands before ${host} take the blob whole`;
  return new TransientError(new CtxsrcError('E_SERVER', message, { hint }));
}

/** The failure of an upload that the registry no longer knows. */
export async function lost(
  job: JobContext,
  target: PushTarget,
  subject: RequestSubject,
  answer: HttpResponse,
): Promise<TransientError> {
  const { message, details } = await target.api.refusal(job, target.endpoint, subject, answer);
  target.pace.suffer(undefined);
  const hint = 'try again, with fewer uploads at once: --parallel 1';
  const text = `${subject.host} lost the upload of ${subject.what}: ${message}`;
  return new TransientError(new CtxsrcError('E_SERVER', text, { hint, details }));
}
