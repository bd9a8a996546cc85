/**
 * The response to one request, as undici delivers it. A chunk of a body is only lent by the connection, so chunks are
 * gathered in two buffers in turn: one is filled while the other is used.
 */
import type { Dispatcher } from 'undici';
import { failure, LEFT, NO_ANSWER } from '../failures.ts';
import type { ResponseHeaders } from '../headers.ts';

/** Gathered bytes from which on they are delivered. */
const PIECE = 256 << 10;
/** How long fewer bytes may be held back (ms). */
const DELAY = 100;
/** A rest up to this size is read, which keeps the connection; with a longer rest it is closed. */
const SHORT = 64 << 10;

export interface Head {
  readonly status: number;
  readonly headers: ResponseHeaders;
}

export class StreamedResponse implements Dispatcher.DispatchHandler {
  /** The head. Rejects with the connection's failure, or with the reason of the abort. */
  readonly head: Promise<Head>;
  /** True after the first bytes of a response. */
  answered = false;
  readonly #signal: AbortSignal;
  readonly #timeout: number;
  #headTimer: NodeJS.Timeout | undefined;
  readonly #abort = (): void => this.#controller?.abort(this.#signal.reason as Error);
  #settleHead!: { resolve(head: Head): void; reject(error: unknown): void };
  #controller: Dispatcher.DispatchController | undefined;
  /** Bytes of the body that are still to come, if the response states it. */
  #coming = Number.POSITIVE_INFINITY;
  #filling = Buffer.alloc(0);
  #other = Buffer.alloc(0);
  #fill = 0;
  #wake: (() => void) | undefined;
  /** The reader has waited long enough: deliver any number of bytes. */
  #eager = false;
  #discarding = false;
  #over = false;
  #error: unknown;

  /** @param timeout milliseconds until the head; informational responses do not extend it */
  constructor(signal: AbortSignal, timeout: number) {
    this.#signal = signal;
    this.#timeout = timeout;
    this.head = new Promise((resolve, reject) => {
      this.#settleHead = { resolve, reject };
    });
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal.aborted) this.#abort();
    else this.#headTimer = setTimeout(() => controller.abort(failure(NO_ANSWER, 'no answer in time')), this.#timeout);
  }

  onResponseStart(_controller: unknown, status: number, headers: ResponseHeaders): void {
    // An informational response.
    if (status < 200) return;
    clearTimeout(this.#headTimer);
    this.answered = true;
    const { 'content-length': length } = headers;
    if (typeof length === 'string') this.#coming = Number(length);
    this.#settleHead.resolve({ status, headers });
  }

  onResponseData(_controller: unknown, bytes: Buffer): void {
    this.#coming -= bytes.length;
    if (this.#discarding) return;
    const end = this.#fill + bytes.length;
    if (end > this.#filling.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, Math.min(end + this.#coming, 2 * PIECE)));
      this.#filling.copy(larger, 0, 0, this.#fill);
      this.#filling = larger;
    }
    bytes.copy(this.#filling, this.#fill);
    this.#fill = end;
    if (this.#fill >= PIECE || this.#eager) this.#offer();
  }

  onResponseEnd(): void {
    this.#end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.fail(error);
  }

  /** Ends the response with an error; a request that was never sent has no connection that could fail. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#error = error;
    this.#settleHead.reject(error);
    this.#end();
  }

  /** The body; a chunk is valid until the next one is asked for. */
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
        this.#controller?.resume();
        yield piece;
      }
    } finally {
      this.#leave();
    }
  }

  /** Reads a short rest; closes the connection if the rest is long. */
  discard(): void {
    if (this.#coming > SHORT) {
      this.#leave();
      return;
    }
    this.#discarding = true;
    this.#controller?.resume();
  }

  #leave(): void {
    if (!this.#over) this.#controller?.abort(failure(LEFT, 'the answer was left'));
  }

  /** Waits for enough bytes. */
  async #more(): Promise<void> {
    const timer = setTimeout(() => {
      this.#eager = true;
      if (this.#fill > 0) this.#wake?.();
    }, DELAY);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    clearTimeout(timer);
    this.#wake = undefined;
    this.#eager = false;
  }

  #offer(): void {
    if (this.#wake !== undefined) this.#wake();
    else this.#controller?.pause();
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#headTimer);
    this.#signal.removeEventListener('abort', this.#abort);
    this.#wake?.();
  }
}
