/** Requests whose responses are streamed, by undici with a pool per route: the only file that loads undici. */
import { setImmediate } from 'node:timers/promises';
import type { Pool } from 'undici';
import type { NetworkOptions } from '../../contract/source.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { CommonZone } from '../addresses.ts';
import { forwarderOf, type Route, type Router, targetOf } from '../connection.ts';
import { unlessDripping } from './dripping.ts';
import { StreamedResponse } from './response.ts';
import { connectToReceive } from './reused-buffer.ts';
import {
  type OneTry,
  SPARE_CONNECTIONS,
  type TransportRequest,
  type TransportResponse,
  type Try,
} from './transport.ts';

export function createStreamingTransport(network: NetworkOptions, router: Router): OneTry {
  const pools = new Map<string, { readonly pool: Pool; readonly common: CommonZone; used: boolean }>();

  async function connectionsFor(route: Route, url: URL) {
    const { default: PoolClass } = await import('undici/lib/dispatcher/pool.js');
    return getOrMake(pools, route.key, () => {
      const common = new CommonZone();
      const pool = new PoolClass((forwarderOf(route)?.url ?? url).origin, {
        connections: network.parallel + SPARE_CONNECTIONS,
        pipelining: 1,
        // `StreamedResponse` has its own timeout.
        headersTimeout: 0,
        bodyTimeout: network.stallTimeout,
        connect: (_options, callback) => {
          const connecting = route.tunnel ? route.connect() : connectToReceive(route);
          connecting.then(
            (socket) => {
              common.add(route.proxy === undefined ? socket.remoteAddress : undefined);
              callback(null, socket);
            },
            (error: Error) => callback(error, null),
          );
        },
      });
      return { pool, common, used: false };
    });
  }

  async function send(request: TransportRequest, one: Try): Promise<TransportResponse> {
    const { url, method, headers, body, signal } = request;
    const route = router(url, request);
    const server = await connectionsFor(route, url);
    signal.throwIfAborted();
    const target = targetOf(route, url);
    const answer = new StreamedResponse(signal, network.stallTimeout);
    const { used } = server;
    // A connection whose response was just read becomes free in the next turn of the event loop.
    if (used) await setImmediate();
    try {
      server.pool.dispatch(
        {
          method,
          path: target.path,
          headers: { ...headers, host: url.host, ...target.headers },
          body: typeof body === 'string' ? body : null,
        },
        answer,
      );
      const { status, headers: answered } = await answer.head;
      server.used = true;
      return {
        status,
        headers: answered,
        zone: server.common.zone,
        forwarder: forwarderOf(route),
        body: unlessDripping(answer.body(), network.stallTimeout),
        discard: () => answer.discard(),
      };
    } catch (error) {
      one.stale = used && !answer.answered;
      server.used = false;
      throw error;
    }
  }

  return {
    send,
    async close() {
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map(({ pool }) => pool.destroy()));
    },
  };
}
