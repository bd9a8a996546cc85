/**
 * Brings one blob into a repository: not at all if it is there, by mounting it, or by an upload. An upload in parts,
 * which goes on after a failure, is in `chunks.ts`.
 */
import type { JobContext } from '../../contract/session.ts';
import { shortDigest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { HttpResponse } from '../../http/client.ts';
import type { RequestSubject } from '../../http/errors.ts';
import { header } from '../../http/headers.ts';
import { RetryBudget, TransientError } from '../../http/retry.ts';
import type { ApiRequest } from '../api.ts';
import { type BlobContent, type OutgoingBlob, verified } from './blob.ts';
import { chunkFor, lost, sendChunks, type UploadSession } from './chunks.ts';
import { refusalOfEmpty } from './refusal.ts';
import {
  ask,
  askPatiently,
  checkStored,
  isAccepted,
  nextLocation,
  type PushTarget,
  refuse,
  withDigest,
} from './target.ts';

/** True if the registry says that the repository has the blob. */
export async function hasBlob(job: JobContext, target: PushTarget, blob: OutgoingBlob): Promise<boolean> {
  const subject = subjectOf(target, blob);
  const answer = await askPatiently(job, target, { method: 'HEAD', path: `blobs/${blob.digest}`, subject });
  if (answer.status === 401) throw await refuse(job, target, subject, answer);
  answer.discard();
  return answer.status === 200;
}

/**
 * Mounts or uploads a blob that the repository lacks. A failed upload is begun anew only when the registry says that it
 * does not have the blob.
 * @throws what reading the blob throws; E_LIMIT, E_UNSAFE, E_UNAUTHORIZED, E_FORBIDDEN, E_NOT_FOUND, E_DIGEST_MISMATCH,
 * E_REGISTRY_PROTOCOL, and the last failure when `--retry` is used up
 */
export async function uploadBlob(job: JobContext, target: PushTarget, blob: OutgoingBlob): Promise<'mounted' | 'sent'> {
  if (await mount(job, target, blob)) return 'mounted';
  const content = await blob.content();
  const budget = new RetryBudget(target.policy);
  for (let tries = 0; ; tries += 1) {
    try {
      await target.pace.attempt(job.signal, () => send(job, target, blob, content, tries > 0));
      return 'sent';
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      // An upload whose answer was lost may have succeeded, at once or a little later.
      if (await hasBlob(job, target, blob)) return 'sent';
      await budget.wait(error, job);
      if (await hasBlob(job, target, blob)) return 'sent';
    }
  }
}

/** A mount that does not succeed, for whatever reason, is no failure. */
async function mount(job: JobContext, target: PushTarget, { digest, kind }: OutgoingBlob): Promise<boolean> {
  const { mounts, endpoint, pace } = target;
  if (mounts === undefined) return false;
  const query = new URLSearchParams({ mount: digest, from: mounts.from });
  const path = `blobs/uploads/?${query}`;
  const subject = subjectOf(target, { digest, kind });
  try {
    await pace.ready(job.signal);
    const answer = await mounts.api.open(job, endpoint, { method: 'POST', path, subject, retries: 0 });
    answer.discard();
    return answer.status === 201;
  } catch (error) {
    if (job.signal.aborted || !(error instanceof CtxsrcError)) throw error;
    const text = `${kind} ${shortDigest(digest)} cannot be mounted from ${mounts.from}: ${error.message}`;
    job.progress.emit({ type: 'message', level: 'verbose', text });
    return false;
  }
}

/** @param wary ask before the bytes are sent: the last try ended without an answer */
async function send(
  job: JobContext,
  target: PushTarget,
  blob: OutgoingBlob,
  content: BlobContent,
  wary: boolean,
): Promise<void> {
  const subject = subjectOf(target, blob);
  const session = await begin(job, target, subject);
  if (target.chunk !== undefined && blob.size > target.chunk) {
    return sendChunks(job, target, blob, content, { session, subject });
  }
  const answer = await ask(job, target, {
    method: 'PUT',
    path: '',
    at: withDigest(session.url, blob.digest),
    headers: {
      'content-type': 'application/octet-stream',
      ...(wary && blob.size > 0 ? { expect: '100-continue' } : {}),
    },
    body: { length: blob.size, open: () => verified(blob, content) },
    subject,
  });
  if (isAccepted(answer.status)) {
    answer.discard();
    return checkStored(answer, blob.digest, subject);
  }
  const chunk = chunkFor(blob.size);
  if (answer.status === 413 && chunk !== undefined) {
    answer.discard();
    target.chunk = Math.min(target.chunk ?? chunk, chunk);
    const text = `${subject.host} does not take ${subject.what} whole: sending it in parts`;
    job.progress.emit({ type: 'message', level: 'verbose', text });
    return sendChunks(job, target, blob, content, { session: await begin(job, target, subject), subject });
  }
  if (answer.status === 404) throw await lost(job, target, subject, answer);
  const error = await refuse(job, target, subject, answer);
  throw blob.size === 0 ? refusalOfEmpty(error) : error;
}

/** Begins an upload and gives it up. A registry that cannot give it up forgets it in time. */
export async function testUpload(job: JobContext, target: PushTarget): Promise<void> {
  const { host, repository } = target.endpoint;
  const subject: RequestSubject = { host, kind: 'upload', what: `an upload to ${host}/${repository}` };
  // Not `ask`: the first request also finds out how the server is spoken to.
  const { url } = await begin(job, target, subject, (request) => target.api.open(job, target.endpoint, request));
  const ended = await target.api.open(job, target.endpoint, {
    method: 'DELETE',
    path: '',
    at: url,
    subject,
    retries: 0,
  });
  ended.discard();
}

async function begin(
  job: JobContext,
  target: PushTarget,
  subject: RequestSubject,
  send = (request: ApiRequest) => ask(job, target, request),
): Promise<UploadSession> {
  const answer = await send({ method: 'POST', path: 'blobs/uploads/', subject });
  const url = isAccepted(answer.status) ? nextLocation(answer, subject) : undefined;
  if (url === undefined) {
    if (answer.status !== 202) throw await refuse(job, target, subject, answer);
    answer.discard();
    const message = `${subject.host} takes ${subject.what} and names no place to send it to`;
    throw new CtxsrcError('E_REGISTRY_PROTOCOL', message, {
      hint: `check that ${subject.host} is a registry, and that no proxy before it drops the header Location`,
    });
  }
  answer.discard();
  return { url, least: leastOf(answer) };
}

function leastOf({ headers }: HttpResponse): number {
  const text = header(headers, 'oci-chunk-min-length') ?? '';
  return /^\d{1,12}$/.test(text) ? Number(text) : 0;
}

function subjectOf({ endpoint }: PushTarget, { digest, kind }: Pick<OutgoingBlob, 'digest' | 'kind'>): RequestSubject {
  return { host: endpoint.host, kind: 'upload', what: `${kind} ${digest} for ${endpoint.host}/${endpoint.repository}` };
}
