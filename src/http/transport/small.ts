/** Requests whose responses are read at once, by `node:http` over connections of our own. */
import { Agent, type ClientRequest, request as createRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NetworkOptions } from '../../contract/source.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { CommonZone } from '../addresses.ts';
import { forwarderOf, type Route, type Router, targetOf } from '../connection.ts';
import { CLOSED, failure, NO_ANSWER, STALLED } from '../failures.ts';
import type { ResponseHeaders } from '../headers.ts';
import { Semaphore } from '../semaphore.ts';
import { unlessDripping } from './dripping.ts';
import {
  type OneTry,
  SPARE_CONNECTIONS,
  type TransportRequest,
  type TransportResponse,
  type Try,
} from './transport.ts';

/** A body up to this size in bytes is always read, which keeps the connection; with a longer body it is closed. */
const SHORT = 256 << 10;

export function createSmallTransport(network: NetworkOptions, router: Router): OneTry {
  const { stallTimeout } = network;
  const servers = new Map<string, ReturnType<typeof connectionsOf>>();

  function connectionsOf(route: Route) {
    const common = new CommonZone();
    // The agent's own limit does not count connections that are still being opened.
    const semaphore = new Semaphore(network.parallel + SPARE_CONNECTIONS);
    return { agent: agentFor(route, common), semaphore, common };
  }

  async function send(request: TransportRequest, one: Try): Promise<TransportResponse> {
    const { url, method, headers, body, signal } = request;
    const route = router(url, request);
    const { agent, semaphore, common } = getOrMake(servers, route.key, () => connectionsOf(route));
    const target = targetOf(route, url);
    const release = await semaphore.take(signal);
    let outgoing: ClientRequest | undefined;
    try {
      outgoing = createRequest({
        agent,
        method,
        path: target.path,
        headers: {
          host: url.host,
          ...headers,
          ...lengthOf(method, body),
          ...target.headers,
        },
      });
      const answer = await answerTo(outgoing, release, request, stallTimeout);
      return {
        status: answer.statusCode ?? 0,
        headers: headersOf(answer),
        zone: common.zone,
        forwarder: forwarderOf(route),
        ...readAhead(unlessDripping(bodyOf(answer, outgoing, stallTimeout), stallTimeout)),
      };
    } catch (error) {
      if (outgoing === undefined) release();
      one.stale = outgoing?.reusedSocket === true;
      throw error;
    }
  }

  return {
    send,
    async close() {
      for (const { agent } of servers.values()) agent.destroy();
      servers.clear();
    },
  };
}

/** Keeps connections, with or without TLS, after they are ready for HTTP. */
function agentFor(route: Route, common: CommonZone): Agent {
  type Made = (error: Error | null, socket?: Socket) => void;
  const createConnection = (_options: unknown, made?: Made): undefined => {
    route.connect().then(
      (socket) => {
        common.add(route.proxy === undefined ? socket.remoteAddress : undefined);
        made?.(null, socket);
      },
      (error: Error) => made?.(error),
    );
  };
  return Object.assign(new Agent({ keepAlive: true }), { createConnection });
}

/** Sends the request. `over` is called when its connection is free or closed. */
function answerTo(
  outgoing: ClientRequest,
  over: () => void,
  { body, signal }: TransportRequest,
  timeout: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let open: ClientRequest | IncomingMessage = outgoing;
    let answered = false;
    const end = (error: unknown): void => {
      reject(error);
      open.destroy(error as Error);
    };
    const abort = (): void => end(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => end(failure(NO_ANSWER, 'no answer in time')), timeout);
    };
    outgoing.once('socket', wait);
    outgoing.once('response', (answer) => {
      clearTimeout(timer);
      answered = true;
      open = answer;
      resolve(answer);
    });
    // Errors after the head end the body, too.
    outgoing.on('error', reject);
    outgoing.once('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      // When a server switches protocols, there is no event for a response or an error.
      reject(failure(CLOSED, 'closed without an answer'));
      over();
    });
    if (typeof body !== 'object') outgoing.end(body);
    else
      import('./send-body.ts')
        .then(({ sendBody }) =>
          sendBody(outgoing, body, { isOver: () => answered || outgoing.destroyed, onSent: wait }),
        )
        .catch(end);
  });
}

/** GET and HEAD have no body; of any other method a server wants to know the length, 0 too. */
function lengthOf(method: string, body: TransportRequest['body']): Record<string, number> {
  if (typeof body === 'object') return { 'content-length': body.length };
  if (body !== undefined) return { 'content-length': Buffer.byteLength(body) };
  return method === 'GET' || method === 'HEAD' ? {} : { 'content-length': 0 };
}

/** The body, with a timeout for each chunk. */
async function* bodyOf(answer: IncomingMessage, request: ClientRequest, timeout: number): AsyncGenerator<Uint8Array> {
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
    // The server answered before it had the whole request: the connection is of no further use.
    if (!request.writableEnded) request.destroy();
  }
}

/** Reads a short body at once, so that a caller who first waits for something else (a token) does not hold a permit. */
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
  // The reader of the body gets the failure.
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

/** All values of every header: `headers` of node:http drops some, and its other forms rely on the names. */
function headersOf({ rawHeaders }: IncomingMessage): ResponseHeaders {
  const headers: Record<string, string[]> = Object.create(null);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    headers[name] ??= [];
    headers[name].push(rawHeaders[i + 1]!);
  }
  return headers;
}
