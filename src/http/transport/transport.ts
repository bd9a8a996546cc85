/** One HTTP request over one connection. Callers handle redirects, retries and credentials. */
import type { Zone } from '../addresses.ts';
import type { ResponseHeaders } from '../headers.ts';
import type { NamedProxy } from '../proxy.ts';

/** Connections to a server beyond those for downloads, so that stalled downloads do not block other requests. */
export const SPARE_CONNECTIONS = 4;

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A body that is sent from where it lies, its length first. Each try opens it anew. */
export interface SentBody {
  readonly length: number;
  /** A piece is valid until the next one is asked for. */
  open(): AsyncIterable<Uint8Array>;
}

export interface TransportRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** `SentBody` only without `stream`. */
  readonly body?: string | SentBody | undefined;
  readonly signal: AbortSignal;
  /** The body may have any size; other bodies are read at once. */
  readonly stream: boolean;
  /** The client certificate may be used for this server: not after a redirect to another server. */
  readonly identify: boolean;
  /** Zone of the server that named the URL; undefined if the user named it. */
  readonly namedBy?: Zone | undefined;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Zone of the server that responded: which addresses it may name. */
  readonly zone: Zone;
  /** The proxy that forwarded the response or made it. */
  readonly forwarder: NamedProxy | undefined;
  /** A chunk is valid until the next one is asked for; copy it to keep it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Releases the connection without reading the rest. */
  discard(): void;
}

export interface Transport {
  /** Sends one request; rejects with the connection's failure (`connectionError` makes it a typed error). */
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

/** One try to send a request. The sender sets `stale` if the connection was used before and failed without an answer. */
export interface Try {
  stale: boolean;
}

/** A transport that leaves the second try on a new connection to its caller. */
export interface OneTry {
  send(request: TransportRequest, one: Try): Promise<TransportResponse>;
  close(): Promise<void>;
}
