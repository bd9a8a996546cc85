/**
 * Two engines share the work of the transport: bodies that are streamed come by undici, from pools that keep many
 * downloads busy; answers that are read at once come by `node:http`, which is loaded in a fraction of the time: a
 * `digest` is one such answer.
 */
import type { NetworkOptions } from '../contract/source.ts';
import { createRouter } from './connection.ts';
import type { Environment } from './proxy.ts';
import type { Transport } from './transport.ts';

export function createTransport(network: NetworkOptions, env: Environment): Transport {
  const route = createRouter(network, env);
  let streaming: Promise<Transport> | undefined;
  let small: Promise<Transport> | undefined;
  return {
    async send(request) {
      if (request.stream) {
        streaming ??= import('./streaming-transport.ts').then((module) =>
          module.createStreamingTransport(network, route),
        );
        return (await streaming).send(request);
      }
      small ??= import('./small-transport.ts').then((module) => module.createSmallTransport(network, route));
      return (await small).send(request);
    },
    async close() {
      await Promise.all([streaming, small].map(async (engine) => (await engine)?.close()));
    },
  };
}
