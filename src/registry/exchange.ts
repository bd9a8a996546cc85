/**
 * One request and its answer on a connection. Bodies cost next to nothing but what the system takes for them: a socket
 * reads into one buffer again and again, and what it read is gathered in two more, in turn: one is filled while the
 * other is used. Fresh memory for each read, as `node:http` and every client above it have, takes four times as long as
 * receiving.
 */
import type { Socket } from 'node:net';
import { CLOSED, failure, NO_ANSWER, STALLED } from './connection-errors.ts';
import { type ResponseHead, ResponseReader } from './response-reader.ts';

/** Bytes that a socket reads at once, and from which on gathered ones are handed over. */
export const PIECE = 256 << 10;
/** How long less than that may be held back (ms). */
const DELAY = 100;
/** A rest that is read, which keeps the connection; of a longer one the connection is closed. */
const SHORT = 64 << 10;

/** Called once, when it is over: the connection may be used again, or is to be closed. */
type OnEnd = (reusable: boolean) => void;

export class Exchange {
  /** Something has come back. */
  answered = false;
  readonly #socket: Socket;
  readonly #reader: ResponseReader;
  readonly #onEnd: OnEnd;
  readonly #signal: AbortSignal;
  readonly #abort = (): void => this.fail(this.#signal.reason);
  readonly #timer: NodeJS.Timeout;
  #headWaiter: { resolve(head: ResponseHead): void; reject(error: unknown): void } | undefined;
  /** The buffer that is being filled, and the one that its user may still have. */
  #filling = Buffer.alloc(0);
  #other = Buffer.alloc(0);
  #fill = 0;
  #wake: (() => void) | undefined;
  /** Who waits has waited long enough: anything will do. */
  #eager = false;
  #paused = false;
  #discarding = false;
  #over = false;
  #error: unknown;

  /** @param stallTimeout milliseconds without a byte before the exchange fails */
  constructor(socket: Socket, method: string, signal: AbortSignal, stallTimeout: number, onEnd: OnEnd) {
    this.#socket = socket;
    this.#reader = new ResponseReader(method, (bytes) => this.#gather(bytes));
    this.#signal = signal;
    this.#onEnd = onEnd;
    this.#timer = setTimeout(() => this.#stalled(), stallTimeout);
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  /** Sends the request. @returns the head of the answer; rejects with what the connection failed with */
  start(request: string): Promise<ResponseHead> {
    return new Promise((resolve, reject) => {
      this.#headWaiter = { resolve, reject };
      this.#socket.write(request, 'latin1');
    });
  }

  /** What the socket has read; it is the socket's again when this returns. */
  receive(bytes: Buffer): void {
    if (this.#over) return;
    this.answered = true;
    this.#timer.refresh();
    try {
      this.#reader.push(bytes);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.#reader.head !== undefined && this.#headWaiter !== undefined) {
      this.#headWaiter.resolve(this.#reader.head);
      this.#headWaiter = undefined;
    }
    if (this.#reader.done) this.#end(this.#reader.reusable);
    else if (this.#fill >= PIECE || (this.#fill > 0 && this.#eager)) this.#offer();
  }

  /** The server has closed the connection. */
  closed(): void {
    if (this.#over) return;
    if (!this.answered) {
      this.fail(failure(CLOSED, 'the connection was closed'));
      return;
    }
    try {
      this.#reader.end();
      this.#end(false);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the exchange and its connection. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#error = error;
    this.#headWaiter?.reject(error);
    this.#end(false);
  }

  /** The body; a piece belongs to this exchange again when the next one is asked for. */
  async *body(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        if (this.#fill < PIECE && !this.#over) await this.#more();
        if (this.#fill === 0 || this.#signal.aborted) {
          if (this.#error !== undefined) throw this.#error;
          return;
        }
        const piece = this.#filling.subarray(0, this.#fill);
        [this.#filling, this.#other] = [this.#other, this.#filling];
        this.#fill = 0;
        this.#resume();
        yield piece;
      }
    } finally {
      this.fail(failure(CLOSED, 'the answer was left'));
    }
  }

  /** Reads a short rest, and closes the connection before a long one. */
  discard(): void {
    if (this.#over) return;
    if ((this.#reader.left ?? Number.POSITIVE_INFINITY) > SHORT) {
      this.fail(failure(CLOSED, 'the answer was left'));
      return;
    }
    this.#discarding = true;
    this.#resume();
  }

  /** Waits for a piece that is worth it. */
  async #more(): Promise<void> {
    const patience = setTimeout(() => {
      this.#eager = true;
      if (this.#fill > 0) this.#wake?.();
    }, DELAY);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    clearTimeout(patience);
    this.#wake = undefined;
    this.#eager = false;
  }

  #gather(bytes: Buffer): void {
    if (this.#discarding) return;
    const end = this.#fill + bytes.length;
    if (end > this.#filling.length) {
      const coming = this.#fill + (this.#reader.left ?? Number.POSITIVE_INFINITY);
      const larger = Buffer.allocUnsafeSlow(Math.max(end, Math.min(coming, 2 * PIECE)));
      this.#filling.copy(larger, 0, 0, this.#fill);
      this.#filling = larger;
    }
    bytes.copy(this.#filling, this.#fill);
    this.#fill = end;
  }

  #offer(): void {
    if (this.#wake !== undefined) {
      this.#wake();
      return;
    }
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#timer.refresh();
    this.#socket.resume();
  }

  #stalled(): void {
    if (this.#paused) return;
    this.fail(failure(this.#reader.head === undefined ? NO_ANSWER : STALLED, 'no byte in time'));
  }

  #end(reusable: boolean): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#abort);
    if (this.#paused && reusable) this.#socket.resume();
    this.#wake?.();
    this.#onEnd(reusable);
  }
}
