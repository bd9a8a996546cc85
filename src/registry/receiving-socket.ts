/**
 * A connection that reads into one buffer again and again. Fresh memory for each read, as sockets take it by themselves,
 * costs four times as much processor time as receiving does. What was read must be used up, or be left here, before
 * reading goes on.
 */
import type { Socket } from 'node:net';
import type { Route } from './connection.ts';

/** Bytes that are read at once. */
const READ_SIZE = 256 << 10;

/** A connection of a way that is no tunnel, which reads like that. */
export async function connectToReceive(way: Route): Promise<Socket> {
  const left: { bytes: Buffer | null } = { bytes: null };
  let socket: Socket | undefined;
  const made = await way.connect({
    buffer: Buffer.allocUnsafeSlow(READ_SIZE),
    callback(length, buffer) {
      left.bytes = (buffer as Buffer).subarray(0, length);
      socket?.emit('readable');
      // Whoever reads the rest has reading go on.
      return left.bytes === null;
    },
  });
  socket = leaving(made, left);
  return socket;
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
