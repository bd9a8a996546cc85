/**
 * A connection that reads into one buffer again and again. Fresh memory for each read, as sockets take it by themselves,
 * costs four times as much processor time as receiving does. What was read must be used up, or be left here, before
 * reading goes on.
 */
import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net';
import type { Route } from './connection.ts';
import { failure } from './connection-errors.ts';
import { hostName } from './host.ts';

/** Bytes that are read at once. */
const READ_SIZE = 256 << 10;

/** Connects to the server, or to the proxy that passes on what it is asked; TLS is verified when this returns. */
export async function connectTo(way: Route, url: URL): Promise<Socket> {
  const first = way.proxy ?? url;
  const secure = first.protocol === 'https:';
  const host = hostName(first.host);
  const left: { bytes: Buffer | null } = { bytes: null };
  let socket: Socket | undefined;
  const options: NetConnectOpts = {
    host,
    port: Number(first.port) || (secure ? 443 : 80),
    noDelay: true,
    keepAlive: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_SIZE),
      callback(length, buffer) {
        left.bytes = (buffer as Buffer).subarray(0, length);
        socket?.emit('readable');
        // Whoever reads the rest has reading go on.
        return left.bytes === null;
      },
    },
  };
  const tls = secure ? await import('node:tls') : undefined;
  return new Promise((resolve, reject) => {
    socket =
      tls === undefined
        ? connect(options)
        : tls.connect({
            ...options,
            ...way.tls,
            ALPNProtocols: ['http/1.1'],
            ...(isIP(host) === 0 ? { servername: host } : {}),
          });
    const made = leaving(socket, left);
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      made.on('error', () => undefined).destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(failure('ETIMEDOUT', 'no connection in time')), way.timeout);
    made.once('error', fail);
    made.once(secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      made.off('error', fail);
      resolve(made);
    });
  });
}

/** Lets `read` and `unshift` of the socket, as a parser of HTTP calls them, be about the one buffer. */
function leaving(socket: Socket, left: { bytes: Buffer | null }): Socket {
  const read = socket.read.bind(socket);
  return Object.assign(socket, {
    read(size?: number) {
      const { bytes } = left;
      // Nothing is left, or this is how streams ask for more: reading goes on.
      if (size === 0 || bytes === null) return read(0);
      left.bytes = null;
      return bytes;
    },
    unshift(bytes: Buffer) {
      if (bytes.length > 0) left.bytes = bytes;
    },
  });
}
