/**
 * A download that is resumed when it is interrupted: with `Range` (and `If-Range`), or from the start if the server
 * cannot resume or gives a wrong range. It yields the bytes from `offset` on, each once; the caller checks them by
 * their digest.
 */
import type { JobContext } from '../contract/session.ts';
import type { IngestSource } from '../contract/store.ts';
import { CtxsrcError } from '../core/errors.ts';
import { tooManyBytes } from '../core/read-limits.ts';
import type { RequestSubject } from './errors.ts';
import { contentLength, contentRange, header, type ResponseHeaders } from './headers.ts';
import { RetryBudget, type RetryPolicy, TransientError } from './retry.ts';
import type { TransportResponse } from './transport/transport.ts';

type DownloadResponse = Pick<TransportResponse, 'status' | 'headers' | 'body' | 'discard'>;

export interface Download {
  readonly subject: RequestSubject;
  readonly policy: RetryPolicy;
  /** Limit of the whole in bytes; absent: none. */
  readonly maxBytes?: number | undefined;
  /**
   * Requests the content with the given range headers (none: all of it). Throws for statuses other than 200, 206 and
   * 416.
   */
  open(rangeHeaders: Readonly<Record<string, string>>): Promise<DownloadResponse>;
}

/** Bytes of progress after which the retries are counted anew: with less, a server could drip forever. */
const PROGRESS = 64 * 1024;

/** How many bytes are there already, and a validator that shows whether the content is still the same. */
export interface Resume {
  readonly offset: number;
  readonly validator?: string | undefined;
}

/**
 * Continues a download where an earlier one ended.
 * @throws E_LIMIT over `maxBytes`, before the body if the server states its size
 */
export async function download(job: JobContext, from: Download, resume: Resume): Promise<IngestSource> {
  const first = await openAt(from, resume.offset, resume.validator);
  let parts = 1;
  return {
    offset: first.offset,
    size: first.total,
    validator: first.validator,
    body: continued(job, from, first, () => {
      parts += 1;
    }),
    doubtful: () => parts > 1,
    what: from.subject.what,
  };
}

interface Part {
  readonly response: DownloadResponse;
  /** Where the body of the response begins. */
  readonly offset: number;
  /** Size of the whole, if the server states it. */
  readonly total: number | undefined;
  readonly validator: string | undefined;
}

async function openAt(from: Download, offset: number, validator: string | undefined): Promise<Part> {
  const part = await openPart(from, offset, validator);
  const { maxBytes = Number.POSITIVE_INFINITY, subject } = from;
  if (part.total === undefined || part.total <= maxBytes) return part;
  part.response.discard();
  throw tooManyBytes(subject.what, maxBytes, part.total);
}

async function openPart(from: Download, offset: number, validator: string | undefined): Promise<Part> {
  if (offset > 0) {
    const response = await from.open({
      range: `bytes=${offset}-`,
      ...(validator === undefined ? {} : { 'if-range': validator }),
    });
    const part = partOf(response, offset);
    if (part !== undefined) return part;
    response.discard();
  }
  const response = await from.open({});
  const part = partOf(response, 0);
  if (part !== undefined) return part;
  response.discard();
  const message = `${from.subject.host} answered with another part of ${from.subject.what} than asked for`;
  throw new CtxsrcError('E_REGISTRY_PROTOCOL', message, {
    details: { host: from.subject.host, status: response.status },
    hint: 'check that no proxy answers in its place, or use a mirror (--mirror)',
  });
}

/** The usable part in a response; undefined if its range is wrong or missing. */
function partOf(response: DownloadResponse, wanted: number): Part | undefined {
  const { status, headers } = response;
  const validator = strongValidator(headers);
  if (status === 200) return { response, offset: 0, total: contentLength(headers), validator };
  const range = contentRange(headers);
  if (status !== 206 || range === undefined || range.first !== wanted) return undefined;
  // A range that ends early is read to its end, and then the download is resumed.
  const length = contentLength(headers);
  if (length !== undefined && length !== range.last - range.first + 1) return undefined;
  if (range.total !== undefined && range.last >= range.total) return undefined;
  return { response, offset: wanted, total: range.total, validator };
}

/** An ETag that promises the same bytes (RFC 9110, section 8.8.1). */
function strongValidator(headers: ResponseHeaders): string | undefined {
  const tag = header(headers, 'etag');
  return tag !== undefined && /^"[\x21\x23-\x7e]{1,256}"$/.test(tag) ? tag : undefined;
}

async function* continued(
  job: JobContext,
  from: Download,
  first: Part,
  onPart: () => void,
): AsyncGenerator<Uint8Array> {
  const budget = new RetryBudget(from.policy);
  const { maxBytes = Number.POSITIVE_INFINITY } = from;
  let part = first;
  let position = first.offset;
  // Where to resume: at the position, or at 0 if the server's ranges cannot be used.
  let ranges = true;
  for (;;) {
    let fresh = 0;
    try {
      let skip = position - part.offset;
      for await (const chunk of part.response.body) {
        if (skip >= chunk.length) {
          skip -= chunk.length;
          continue;
        }
        const rest = skip === 0 ? chunk : chunk.subarray(skip);
        skip = 0;
        position += rest.length;
        fresh += rest.length;
        if (position > maxBytes) throw tooManyBytes(from.subject.what, maxBytes);
        yield rest;
      }
      if (part.total === undefined || position >= part.total) return;
      throw new TransientError(cutShort(from.subject, position, part.total));
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      if (fresh >= PROGRESS) budget.restore();
      part = await reopen(job, from, error, budget, position, part.validator, ranges);
      onPart();
      if (part.offset < position) ranges = false;
    }
  }
}

async function reopen(
  job: JobContext,
  from: Download,
  failure: TransientError,
  budget: RetryBudget,
  position: number,
  validator: string | undefined,
  ranges: boolean,
): Promise<Part> {
  let last = failure;
  for (;;) {
    await budget.wait(last, job, `going on at byte ${position}`);
    try {
      return await openAt(from, ranges ? position : 0, validator);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      last = error;
    }
  }
}

function cutShort(subject: RequestSubject, position: number, total: number): CtxsrcError {
  return new CtxsrcError(
    'E_NETWORK',
    `${subject.what} from ${subject.host} was cut off at byte ${position} of ${total}`,
    {
      details: { host: subject.host },
      hint: 'try again: what is there is kept',
    },
  );
}
