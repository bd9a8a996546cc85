/** Requests whose answers are read at once (HEAD, manifests, tokens), by `node:http`. */
import { Agent, type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { NetworkOptions } from '../contract/source.ts';
import type { Route, Router } from './connection.ts';
import { NO_ANSWER, STALLED } from './connection-errors.ts';
import { hostName } from './host.ts';
import { proxyAuthorization } from './proxy.ts';
import { SPARE_CONNECTIONS, type Transport, type TransportRequest, type TransportResponse } from './transport.ts';

export function createSmallTransport(network: NetworkOptions, route: Router): Transport {
  const agents = new Map<string, Agent>();

  function agentFor(way: Route, secure: boolean): Agent {
    let agent = agents.get(way.key);
    if (agent === undefined) {
      const options = { keepAlive: true, maxSockets: network.parallel + SPARE_CONNECTIONS };
      agent = way.tunnel
        ? new TunnelAgent(way, options)
        : secure
          ? new SecureAgent({ ...options, ...way.tls })
          : new Agent(options);
      agents.set(way.key, agent);
    }
    return agent;
  }

  async function send(request: TransportRequest, again: boolean): Promise<TransportResponse> {
    const { url, method, body, signal } = request;
    const way = await route(url, request.identify);
    // A proxy that is no tunnel is asked for the whole URL.
    const forward = way.tunnel ? undefined : way.proxy;
    const first = forward ?? url;
    const secure = first.protocol === 'https:';
    const authorization = forward === undefined ? undefined : proxyAuthorization(forward);
    const outgoing = (secure ? secureRequest : plainRequest)({
      host: hostName(first.host),
      port: first.port || (secure ? 443 : 80),
      method,
      path: `${forward === undefined ? '' : url.origin}${url.pathname}${url.search}`,
      headers: {
        ...request.headers,
        host: url.host,
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
      },
      agent: agentFor(way, secure),
      signal,
    });
    outgoing.end(body);
    try {
      const response = await answerTo(outgoing, way.timeout, network.stallTimeout);
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: readTimed(response, network.stallTimeout),
        discard() {
          response.once('error', () => undefined);
          response.resume();
        },
      };
    } catch (error) {
      // The server closed a connection that was kept just as it was used again; a new one is another matter.
      const stale = outgoing.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      if (stale && again && !signal.aborted) return send(request, false);
      throw error;
    }
  }

  return {
    send: (request) => send(request, true),
    async close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

/** Connections through a proxy that only passes bytes on. */
class TunnelAgent extends SecureAgent {
  readonly #way: Route;

  constructor(way: Route, options: ConstructorParameters<typeof SecureAgent>[0]) {
    super(options);
    this.#way = way;
  }

  override createConnection(_options: unknown, callback?: (error: Error | null, stream: never) => void): undefined {
    this.#way.connectThrough().then(
      (socket) => callback?.(null, socket as never),
      (error: Error) => callback?.(error, undefined as never),
    );
  }
}

/** The head of the answer, within the time for the connection and then the time for an answer. */
function answerTo(outgoing: ClientRequest, connectTimeout: number, answerTimeout: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const limit = (ms: number, code: string): void => {
      clearTimeout(timer);
      timer = setTimeout(() => outgoing.destroy(Object.assign(new Error('no answer in time'), { code })), ms);
    };
    outgoing.once('socket', (socket) => {
      if (!socket.connecting) {
        limit(answerTimeout, NO_ANSWER);
        return;
      }
      limit(connectTimeout, 'ETIMEDOUT');
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => limit(answerTimeout, NO_ANSWER));
    });
    outgoing.once('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    // Errors after the answer end its body; they are heard here too, and must not be unheard.
    outgoing.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

async function* readTimed(response: IncomingMessage, timeout: number): AsyncGenerator<Uint8Array> {
  const timer = setTimeout(() => {
    response.destroy(Object.assign(new Error('the transfer stalled'), { code: STALLED }));
  }, timeout);
  try {
    for await (const chunk of response) {
      timer.refresh();
      yield chunk as Uint8Array;
    }
  } finally {
    clearTimeout(timer);
  }
}
