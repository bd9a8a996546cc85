/**
 * Two transports: streamed responses use undici, which serves many downloads with little memory; responses that are
 * read at once (HEAD, manifests, tokens) use `node:http`, which is part of Node and loads in a third of the time.
 */
import type { NetworkOptions } from '../../contract/source.ts';
import { createRouter } from '../connection.ts';
import type { Environment } from '../proxy.ts';
import { createSmallTransport } from './small.ts';
import { createStreamingTransport } from './streaming.ts';
import type { Transport } from './transport.ts';

export function createTransport(network: NetworkOptions, env: Environment): Transport {
  const router = createRouter(network, env);
  const small = createSmallTransport(network, router);
  const streaming = createStreamingTransport(network, router);
  return {
    send: (request) => (request.stream ? streaming : small).send(request),
    async close() {
      await Promise.all([small.close(), streaming.close()]);
    },
  };
}
