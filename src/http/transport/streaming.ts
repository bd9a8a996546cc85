/** Requests whose answers are streamed, by undici from a pool of connections for each way: the only file that loads it. */
import { setImmediate } from 'node:timers/promises';
import type { Pool } from 'undici';
import type { NetworkOptions } from '../../contract/source.ts';
import { CommonZone } from '../addresses.ts';
import { forwarderOf, type Route, type Router, targetOf } from '../connection.ts';
import { BROKEN, errorCode } from '../failures.ts';
import { unlessDripping } from './dripping.ts';
import { HttpResponse } from './response.ts';
import { connectToReceive } from './reused-buffer.ts';
import { SPARE_CONNECTIONS, type Transport, type TransportRequest, type TransportResponse } from './transport.ts';

export function createStreamingTransport(network: NetworkOptions, route: Router): Transport {
  const pools = new Map<string, { readonly pool: Pool; readonly common: CommonZone; used: boolean }>();
  let closed = false;

  async function placeFor(way: Route, url: URL) {
    const { default: PoolClass } = await import('undici/lib/dispatcher/pool.js');
    let place = pools.get(way.key);
    if (place === undefined) {
      const common = new CommonZone();
      const pool = new PoolClass((forwarderOf(way)?.url ?? url).origin, {
        connections: network.parallel + SPARE_CONNECTIONS,
        pipelining: 1,
        // `HttpResponse` sees to it.
        headersTimeout: 0,
        bodyTimeout: network.stallTimeout,
        connect: (_options, callback) => {
          const connecting = way.tunnel ? way.connect() : connectToReceive(way);
          connecting.then(
            (socket) => {
              common.add(way.proxy === undefined ? socket.remoteAddress : undefined);
              callback(null, socket);
            },
            (error: Error) => callback(error, null),
          );
        },
      });
      place = { pool, common, used: false };
      pools.set(way.key, place);
    }
    return place;
  }

  async function send(request: TransportRequest, again: boolean): Promise<TransportResponse> {
    const { url, method, headers, body, signal } = request;
    const way = route(url, request);
    const place = await placeFor(way, url);
    signal.throwIfAborted();
    const target = targetOf(way, url);
    const answer = new HttpResponse(signal, network.stallTimeout);
    const { used } = place;
    // A connection whose answer has just been read is free in the next turn of the event loop.
    if (used) await setImmediate();
    try {
      place.pool.dispatch(
        {
          method,
          path: target.path,
          headers: {
            ...headers,
            host: url.host,
            ...target.headers,
          },
          body: body ?? null,
        },
        answer,
      );
      const { status, headers: answered } = await answer.head;
      place.used = true;
      return {
        status,
        headers: answered,
        zone: place.common.zone,
        forwarder: forwarderOf(way),
        body: unlessDripping(answer.body(), network.stallTimeout),
        discard: () => answer.discard(),
      };
    } catch (error) {
      // The server closed a connection that was kept just as it was used again; a new one is another matter.
      const stale = used && again && !answer.answered && BROKEN.has(errorCode(error));
      place.used = false;
      if (stale && !signal.aborted && !closed) return send(request, false);
      throw error;
    }
  }

  return {
    send: (request) => send(request, true),
    async close() {
      closed = true;
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map(({ pool }) => pool.destroy()));
    },
  };
}
