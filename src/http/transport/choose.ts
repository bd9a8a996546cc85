/**
 * Two engines share the work: answers that are streamed come by undici, which keeps many downloads busy in little memory;
 * those that are read at once (HEAD, manifests, tokens) come by `node:http`, which is part of Node and there in a third of
 * the time.
 */
import type { NetworkOptions } from '../../contract/source.ts';
import { createRouter } from '../connection.ts';
import type { Environment } from '../proxy.ts';
import { createSmallTransport } from './small.ts';
import { createStreamingTransport } from './streaming.ts';
import type { Transport } from './transport.ts';

export function createTransport(network: NetworkOptions, env: Environment): Transport {
  const route = createRouter(network, env);
  const small = createSmallTransport(network, route);
  const streaming = createStreamingTransport(network, route);
  return {
    send: (request) => (request.stream ? streaming : small).send(request),
    async close() {
      await Promise.all([small.close(), streaming.close()]);
    },
  };
}
