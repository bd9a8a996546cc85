/** Kept connections that the server closed at the moment of their reuse. */
import { BROKEN, errorCode } from '../failures.ts';

/** One try to send a request. The sender sets `stale` if the connection was used before and failed without an answer. */
export interface Try {
  stale: boolean;
}

/**
 * Sends a request, and once more if the connection was stale. On a new connection a failure is a real one.
 * @param mayRepeat false when nobody waits for the answer any more
 */
export async function sendFresh<T>(send: (one: Try) => Promise<T>, mayRepeat: () => boolean): Promise<T> {
  const first: Try = { stale: false };
  try {
    return await send(first);
  } catch (error) {
    if (!first.stale || !BROKEN.has(errorCode(error)) || !mayRepeat()) throw error;
    return send({ stale: false });
  }
}
