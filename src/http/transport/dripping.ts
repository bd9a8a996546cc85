/** Bodies that arrive so slowly that they never end. */
import { monotonicMs } from '../../core/monotonic.ts';
import { failure, STALLED } from '../failures.ts';

/** Bytes that have to arrive within the stall timeout. */
const LEAST = 1024;

/**
 * The same body; it fails as stalled if fewer than `LEAST` bytes arrive.
 * @param time milliseconds of waiting for the body; the reader's own time does not count
 */
export async function* unlessDripping(body: AsyncIterable<Uint8Array>, time: number): AsyncGenerator<Uint8Array> {
  let waited = 0;
  let received = 0;
  let asked = monotonicMs();
  for await (const piece of body) {
    waited += monotonicMs() - asked;
    received += piece.length;
    if (waited >= time) {
      if (received < LEAST) throw failure(STALLED, 'the transfer drips');
      waited = 0;
      received = 0;
    }
    yield piece;
    asked = monotonicMs();
  }
}
