/** Requests whose bodies are streamed, by undici: the only file that loads it. */
import type { Pool } from 'undici';
import request from 'undici/lib/api/api-request.js';
import PoolClass from 'undici/lib/dispatcher/pool.js';
import type { NetworkOptions } from '../contract/source.ts';
import type { Route, Router } from './connection.ts';
import { proxyAuthorization } from './proxy.ts';
import { SPARE_CONNECTIONS, type Transport } from './transport.ts';

export function createStreamingTransport(network: NetworkOptions, route: Router): Transport {
  const pools = new Map<string, Pool>();

  function poolFor(way: Route, url: URL): Pool {
    let pool = pools.get(way.key);
    if (pool === undefined) {
      pool = createPool(way, url);
      pools.set(way.key, pool);
    }
    return pool;
  }

  function createPool(way: Route, url: URL): Pool {
    const forward = way.proxy !== undefined && !way.tunnel;
    return new PoolClass(forward ? (way.proxy as URL).origin : url.origin, {
      connections: network.parallel + SPARE_CONNECTIONS,
      pipelining: 1,
      headersTimeout: network.stallTimeout,
      bodyTimeout: network.stallTimeout,
      connect: way.tunnel
        ? (_options, callback) => {
            way.connectThrough().then(
              (socket) => callback(null, socket),
              (error: Error) => callback(error, null),
            );
          }
        : { ...way.tls, timeout: way.timeout, autoSelectFamily: true },
    });
  }

  return {
    async send({ method, url, headers, body, signal, identify }) {
      const way = await route(url, identify);
      const forward = way.proxy !== undefined && !way.tunnel;
      const authorization = forward ? proxyAuthorization(way.proxy as URL) : undefined;
      const response = await request.call(poolFor(way, url), {
        method,
        path: forward ? `${url.origin}${url.pathname}${url.search}` : `${url.pathname}${url.search}`,
        headers: {
          ...headers,
          host: url.host,
          ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
        },
        body: body ?? null,
        signal,
      });
      return {
        status: response.statusCode,
        headers: response.headers,
        body: response.body,
        discard() {
          response.body.once('error', () => undefined);
          // A short rest is read, which keeps the connection; a long one is cut off.
          response.body.dump({ limit: 64 * 1024 }).catch(() => undefined);
        },
      };
    },
    async close() {
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map((pool) => pool.destroy()));
    },
  };
}
