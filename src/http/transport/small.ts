/** Requests whose answers are read at once, by `node:http` over connections of our own. */
import { Agent, type ClientRequest, request as createRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NetworkOptions } from '../../contract/source.ts';
import { CommonZone } from '../addresses.ts';
import { forwarderOf, type Route, type Router, targetOf } from '../connection.ts';
import { BROKEN, errorCode, failure, NO_ANSWER, STALLED } from '../failures.ts';
import type { ResponseHeaders } from '../headers.ts';
import { Semaphore } from '../semaphore.ts';
import { unlessDripping } from './dripping.ts';
import { SPARE_CONNECTIONS, type Transport, type TransportRequest, type TransportResponse } from './transport.ts';

/** Bytes of a body that are read whether it is wanted or not, which keeps the connection; of a longer one it is closed. */
const SHORT = 256 << 10;

export function createSmallTransport(network: NetworkOptions, route: Router): Transport {
  const { stallTimeout } = network;
  const places = new Map<string, { readonly agent: Agent; readonly slots: Semaphore; readonly common: CommonZone }>();
  let closed = false;

  function placeFor(way: Route) {
    let place = places.get(way.key);
    if (place === undefined) {
      const common = new CommonZone();
      // The agent's own limit does not count connections that are still being made.
      place = { agent: agentFor(way, common), slots: new Semaphore(network.parallel + SPARE_CONNECTIONS), common };
      places.set(way.key, place);
    }
    return place;
  }

  async function send(request: TransportRequest, again: boolean): Promise<TransportResponse> {
    const { url, method, headers, body, signal } = request;
    const way = route(url, request);
    const { agent, slots, common } = placeFor(way);
    const target = targetOf(way, url);
    const release = await slots.take(signal);
    let outgoing: ClientRequest | undefined;
    try {
      outgoing = createRequest({
        agent,
        method,
        path: target.path,
        headers: {
          host: url.host,
          ...headers,
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
          ...target.headers,
        },
      });
      const answer = await answerTo(outgoing, release, request, stallTimeout);
      return {
        status: answer.statusCode ?? 0,
        headers: headersOf(answer),
        zone: common.zone,
        forwarder: forwarderOf(way),
        ...readAhead(unlessDripping(bodyOf(answer, stallTimeout), stallTimeout)),
      };
    } catch (error) {
      if (outgoing === undefined) release();
      // The server closed a connection that was kept just as it was used again; a new one is another matter.
      const stale = outgoing?.reusedSocket && again && BROKEN.has(errorCode(error));
      if (stale && !signal.aborted && !closed) return send(request, false);
      throw error;
    }
  }

  return {
    send: (request) => send(request, true),
    async close() {
      closed = true;
      for (const { agent } of places.values()) agent.destroy();
      places.clear();
    },
  };
}

/** Keeps connections that are ready for HTTP as they are made, TLS or not. */
function agentFor(way: Route, common: CommonZone): Agent {
  type Made = (error: Error | null, socket?: Socket) => void;
  const createConnection = (_options: unknown, made?: Made): undefined => {
    way.connect().then(
      (socket) => {
        common.add(way.proxy === undefined ? socket.remoteAddress : undefined);
        made?.(null, socket);
      },
      (error: Error) => made?.(error),
    );
  };
  return Object.assign(new Agent({ keepAlive: true }), { createConnection });
}

/** Sends the request. `over` is called when its connection is free, or gone. */
function answerTo(
  outgoing: ClientRequest,
  over: () => void,
  { body, signal }: TransportRequest,
  timeout: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let open: ClientRequest | IncomingMessage = outgoing;
    const end = (error: unknown): void => {
      reject(error);
      open.destroy(error as Error);
    };
    const abort = (): void => end(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    outgoing.once('socket', () => {
      timer = setTimeout(() => end(failure(NO_ANSWER, 'no answer in time')), timeout);
    });
    outgoing.once('response', (answer) => {
      clearTimeout(timer);
      open = answer;
      resolve(answer);
    });
    // Those after the head end the body, too.
    outgoing.on('error', reject);
    outgoing.once('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      // Nothing is said of a server that goes over to another protocol: there is no answer and no error.
      reject(failure('UND_ERR_SOCKET', 'closed without an answer'));
      over();
    });
    outgoing.end(body);
  });
}

/** The body, each piece within the time. */
async function* bodyOf(answer: IncomingMessage, timeout: number): AsyncGenerator<Uint8Array> {
  const stalled = (): unknown => answer.destroy(failure(STALLED, 'the transfer stalled'));
  let timer = setTimeout(stalled, timeout);
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      clearTimeout(timer);
      yield piece;
      timer = setTimeout(stalled, timeout);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a short body at once, so that nobody who waits for something else first (a token) keeps others from a place. */
function readAhead(body: AsyncGenerator<Uint8Array>): Pick<TransportResponse, 'body' | 'discard'> {
  const start: Uint8Array[] = [];
  const reading = (async () => {
    for (let length = 0; length <= SHORT; ) {
      const next = await body.next();
      if (next.done) return;
      start.push(next.value);
      length += next.value.length;
    }
  })();
  // Whoever reads the body is told what it failed with.
  const readOrFailed = reading.catch(() => undefined);
  return {
    body: (async function* () {
      try {
        await reading;
        yield* start;
        yield* body;
      } finally {
        await body.return(undefined);
      }
    })(),
    discard: () => void readOrFailed.then(() => body.return(undefined)),
  };
}

/** All values of every header: `headers` of node:http drops some, and its other forms trust the names. */
function headersOf({ rawHeaders }: IncomingMessage): ResponseHeaders {
  const headers: Record<string, string[]> = Object.create(null);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    headers[name] ??= [];
    headers[name].push(rawHeaders[i + 1]!);
  }
  return headers;
}
