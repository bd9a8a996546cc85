/**
 * Reads one HTTP/1.1 answer (RFC 9112) that is pushed into it piece by piece, as strictly as `node:http` does: what is
 * ambiguous about where a body ends is refused.
 */
import { CUT_OFF, failure, LONG_HEAD, NOT_HTTP } from './connection-errors.ts';
import type { ResponseHeaders } from './headers.ts';

export interface ResponseHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
}

/** Bytes of a head, of the line before a chunk, and of what comes before a head or behind a body: the limit of Node. */
const MAX_HEAD = 16 << 10;
const HEAD_END = '\r\n\r\n';
const VERSION = 'HTTP/1.';

type State = 'head' | 'body' | 'rest' | 'chunk' | 'chunk-body' | 'chunk-end' | 'trailer' | 'done';

export class ResponseReader {
  /** Undefined until it is there. */
  head: ResponseHead | undefined;
  readonly #bodiless: boolean;
  readonly #onBody: (bytes: Buffer) => void;
  #state: State = 'head';
  /** The beginning of a head or line, latin-1. */
  #text = '';
  /** Bytes of the body, or of its current chunk, that are still to come. */
  #left = 0;
  #persistent = true;
  /** Bytes of announcements and trailers, which say nothing that anybody here wants to know. */
  #idle = 0;

  /** @param onBody gets the bytes of the body, which are a part of what was pushed */
  constructor(method: string, onBody: (bytes: Buffer) => void) {
    this.#bodiless = method === 'HEAD';
    this.#onBody = onBody;
  }

  /** The whole answer is there. */
  get done(): boolean {
    return this.#state === 'done';
  }

  /** Another request may follow on the same connection. */
  get reusable(): boolean {
    return this.done && this.#persistent;
  }

  /** Bytes of the body that are still to come; undefined where that is not known. */
  get left(): number | undefined {
    return this.done ? 0 : this.#state === 'body' ? this.#left : undefined;
  }

  /** Takes the next bytes. Throws errors with the codes of `connection-errors.ts`. */
  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      switch (this.#state) {
        case 'body':
        case 'chunk-body': {
          const n = Math.min(this.#left, bytes.length - at);
          this.#onBody(bytes.subarray(at, at + n));
          at += n;
          this.#left -= n;
          if (this.#left === 0) this.#state = this.#state === 'body' ? 'done' : 'chunk-end';
          break;
        }
        case 'rest':
          this.#onBody(bytes.subarray(at));
          return;
        case 'done':
          // Nobody asked for more: whoever sends it is not to be trusted with another request.
          this.#persistent = false;
          return;
        case 'head':
          at += this.#gather(bytes, at, HEAD_END, (text) => this.#readHead(text));
          break;
        default:
          at += this.#gather(bytes, at, '\r\n', (line) => this.#readLine(line));
      }
    }
  }

  /** The server sends no more. Throws when the answer is not whole. */
  end(): void {
    if (this.#state === 'rest') this.#state = 'done';
    if (!this.done) throw failure(CUT_OFF, 'the answer ended early');
  }

  /** Gathers text up to its terminator. @returns bytes taken */
  #gather(bytes: Buffer, at: number, terminator: string, complete: (text: string) => void): number {
    const before = this.#text.length;
    this.#text += bytes.toString('latin1', at, Math.min(bytes.length, at + MAX_HEAD + terminator.length - before));
    const isHead = this.#state === 'head';
    if (isHead && !VERSION.startsWith(this.#text.slice(0, VERSION.length))) throw notHttp();
    const end = this.#text.indexOf(terminator, Math.max(0, before - terminator.length + 1));
    if (end === -1) {
      if (this.#text.length > MAX_HEAD) throw failure(isHead ? LONG_HEAD : NOT_HTTP, 'a head without end');
      return this.#text.length - before;
    }
    const text = this.#text.slice(0, end);
    this.#text = '';
    complete(text);
    return end + terminator.length - before;
  }

  #readHead(text: string): void {
    const [first, ...lines] = text.split('\r\n');
    const match = /^HTTP\/1\.([01]) (\d{3})(?: .*)?$/.exec(first!);
    if (match === null) throw notHttp();
    const status = Number(match[2]);
    const headers = readFields(lines);
    if (status < 200) {
      // Such an answer only announces another (RFC 9110, section 15.2).
      if (status < 100 || status === 101) throw notHttp();
      this.#skip(text);
      return;
    }
    this.head = { status, headers };
    const connection = String(headers.connection ?? '').toLowerCase();
    this.#persistent = match[1] === '1' ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection);
    const { 'transfer-encoding': encoding, 'content-length': length } = headers;
    if (this.#bodiless || status === 204 || status === 304) {
      this.#state = 'done';
    } else if (encoding !== undefined) {
      if (length !== undefined || String(encoding).toLowerCase() !== 'chunked') throw notHttp();
      this.#state = 'chunk';
    } else if (length !== undefined) {
      if (typeof length !== 'string' || !/^\d{1,15}$/.test(length)) throw notHttp();
      this.#left = Number(length);
      this.#state = this.#left === 0 ? 'done' : 'body';
    } else {
      this.#persistent = false;
      this.#state = 'rest';
    }
  }

  #readLine(line: string): void {
    switch (this.#state) {
      case 'chunk': {
        const match = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line);
        if (match === null) throw notHttp();
        this.#left = Number.parseInt(match[1]!, 16);
        this.#state = this.#left === 0 ? 'trailer' : 'chunk-body';
        break;
      }
      case 'chunk-end':
        if (line !== '') throw notHttp();
        this.#state = 'chunk';
        break;
      default:
        if (line === '') this.#state = 'done';
        else this.#skip(line);
    }
  }

  #skip(text: string): void {
    this.#idle += text.length;
    if (this.#idle > MAX_HEAD) throw failure(LONG_HEAD, 'announcements or trailers without end');
  }
}

/** Header fields by their names in lower case; those sent more than once as lists. */
function readFields(lines: readonly string[]): ResponseHeaders {
  const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9a-z-]+):[ \t]*(.*?)[ \t]*$/i.exec(line);
    if (match === null || /[\0\r\n]/.test(match[2]!)) throw notHttp();
    const name = match[1]!.toLowerCase();
    const value = match[2]!;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else headers[name] = [...(typeof before === 'string' ? [before] : before), value];
  }
  return headers;
}

function notHttp(): Error {
  return failure(NOT_HTTP, 'the answer is not HTTP/1.1');
}
