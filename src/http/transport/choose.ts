/**
 * Two transports: streamed responses use undici, which serves many downloads with little memory; responses that are
 * read at once (HEAD, manifests, tokens) use `node:http`, which is part of Node and loads in a third of the time.
 */

import type { NetworkOptions } from '../../contract/source.ts';
import type { Variables } from '../../core/home.ts';
import { createRouter } from '../connection.ts';
import { BROKEN, errorCode } from '../failures.ts';
import { createSmallTransport } from './small.ts';
import { createStreamingTransport } from './streaming.ts';
import type { Transport, Try } from './transport.ts';

export function createTransport(network: NetworkOptions, env: Variables): Transport {
  const router = createRouter(network, env);
  const small = createSmallTransport(network, router);
  const streaming = createStreamingTransport(network, router);
  let closed = false;
  return {
    async send(request) {
      const transport = request.stream ? streaming : small;
      const first: Try = { stale: false };
      try {
        return await transport.send(request, first);
      } catch (error) {
        // The server closed a kept connection at the moment of its reuse. On a new connection a failure is a real one.
        if (!first.stale || !BROKEN.has(errorCode(error)) || request.signal.aborted || closed) throw error;
        // Part of it may have arrived: its sender asks what did.
        if (typeof request.body === 'object') throw error;
        return transport.send(request, { stale: false });
      }
    },
    async close() {
      closed = true;
      await Promise.all([small.close(), streaming.close()]);
    },
  };
}
