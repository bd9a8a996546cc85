/** Bodies of responses: read to their end within a limit, or as a stream with typed errors. */
import { CtxsrcError, isAbort } from '../core/errors.ts';
import { type RequestSubject, strangerHint } from './errors.ts';
import { connectionError } from './failures.ts';
import { contentLength } from './headers.ts';
import type { TransportResponse } from './transport/transport.ts';

/** The members of a response that are used here. */
type Received = Pick<TransportResponse, 'headers' | 'body' | 'discard'>;

/** The whole body. Errors: E_LIMIT over `maxBytes`; failures of the connection as `connectionError` returns them. */
export async function readAll(response: Received, maxBytes: number, subject: RequestSubject): Promise<Uint8Array> {
  const tooLong = (): CtxsrcError =>
    new CtxsrcError('E_LIMIT', `${subject.what} from ${subject.host} is longer than ${maxBytes} bytes`, {
      hint: strangerHint(subject.host),
      details: { host: subject.host, limit: maxBytes },
    });
  if ((contentLength(response.headers) ?? 0) > maxBytes) {
    response.discard();
    throw tooLong();
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    // Leaving the loop closes the connection.
    if (length > maxBytes) throw tooLong();
    chunks.push(new Uint8Array(chunk));
  }
  return Buffer.concat(chunks, length);
}

/** Bytes of a refusal that are read for its reason. */
const ERROR_BODY = 64 * 1024;

/** The start of an error's body; empty if it cannot be read, as the status is what matters. */
export async function readStart(response: Received): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body) {
      chunks.push(new Uint8Array(chunk));
      length += chunk.length;
      if (length >= ERROR_BODY) break;
    }
  } catch (error) {
    if (isAbort(error)) throw error;
  }
  return Buffer.concat(chunks).subarray(0, ERROR_BODY).toString('utf8');
}

/** The same body with typed errors; an abort ends it with the signal's reason. */
export async function* guarded(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  subject: RequestSubject,
): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw connectionError(error, subject);
  }
}
