/** Sends the body of an upload, piece by piece, as fast as the server takes it. */
import type { ClientRequest } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { monotonicMs } from '../../core/monotonic.ts';
import { failure } from '../failures.ts';
import type { SentBody } from './transport.ts';

/** What is written at once: a line that needs longer than the stall timeout for it counts as stalled. */
const WRITE = 256 * 1024;
/** The same on a line that took the last one at once: fewer turns of the loop, which cost a sixth of a push. */
const WRITE_QUICK = 1024 * 1024;
/** Milliseconds in which a quick line takes what is written. */
const QUICK = 1000;

/** How long a server may take to say that it wants the body (RFC 9110, 10.1.1), in milliseconds. */
const CONTINUE = 1000;

/**
 * Sends the body to its end, or until the server has answered: a server that refuses an upload answers and then closes
 * the connection.
 * @param one.isOver true when nothing more needs to be sent
 * @param one.onSent called after each piece
 * @throws what reading the body throws
 */
export async function sendBody(
  request: ClientRequest,
  body: SentBody,
  { isOver, onSent }: { readonly isOver: () => boolean; readonly onSent: () => void },
): Promise<void> {
  if (request.hasHeader('expect')) await continued(request);
  let length = 0;
  let most = WRITE;
  for await (const piece of body.open()) {
    length += piece.length;
    if (length > body.length) throw failure('ERR_HTTP_CONTENT_LENGTH_MISMATCH', 'the body is longer than its length');
    for (let start = 0; start < piece.length; ) {
      // An answer that is here already would be lost if this write found the connection closed.
      await setImmediate();
      if (isOver()) return;
      const end = Math.min(start + most, piece.length);
      const began = monotonicMs();
      await written(request, piece.subarray(start, end));
      if (isOver()) return;
      onSent();
      most = monotonicMs() - began < QUICK ? WRITE_QUICK : WRITE;
      start = end;
    }
  }
  if (length < body.length) throw failure('ERR_HTTP_CONTENT_LENGTH_MISMATCH', 'the body is shorter than its length');
  request.end();
}

function continued(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CONTINUE);
    const go = (): void => {
      clearTimeout(timer);
      resolve();
    };
    for (const event of ['continue', 'response', 'close']) request.once(event, go);
    request.flushHeaders();
  });
}

/** Until the piece has left this program, so that its memory is free again, or there is no use in sending more. */
function written(request: ClientRequest, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      for (const event of ['response', 'close']) request.off(event, go);
      resolve();
    };
    for (const event of ['response', 'close']) request.once(event, go);
    request.write(piece, go);
  });
}
