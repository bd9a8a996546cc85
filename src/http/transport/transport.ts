/** One HTTP request over one connection. Redirects, repeats and credentials are the business of the callers. */
import type { Zone } from '../addresses.ts';
import type { ResponseHeaders } from '../headers.ts';
import type { NamedProxy } from '../proxy.ts';

/** Connections to a server above those that downloads may take, so that a download that is held back starves no other request. */
export const SPARE_CONNECTIONS = 4;

export interface TransportRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  /** The answer may have a body of any size; others are read at once. */
  readonly stream: boolean;
  /** Whether the client certificate may be shown to this server: not to one that another server redirected to. */
  readonly identify: boolean;
  /** Zone of the server that named the URL; undefined when the user did. */
  readonly namedBy?: Zone | undefined;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Of the server that answered: what it may name in turn. */
  readonly zone: Zone;
  /** Who passed it on, or answered in its place. */
  readonly forwarder: NamedProxy | undefined;
  /** A piece belongs to the transport again when the next one is asked for: who wants to keep it copies it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the connection back without reading the rest. */
  discard(): void;
}

export interface Transport {
  /** Sends one request; rejects with whatever the connection failed with (`connectionError` types it). */
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}
