/**
 * The connection of a download. A normal socket allocates memory for each read, which costs four times the processor
 * time of receiving; this socket reads into one buffer (`onread` of `net.connect`).
 *
 * Such a socket emits no data: Node calls `callback` after each read. undici's parser, however, takes data from a
 * socket by `read()` after `readable`, and returns unused data by `unshift()`. So these two methods are replaced: the
 * bytes stay in `left` until the parser has taken them, and reading pauses while bytes are left, because the next read
 * would overwrite them.
 */
import type { Socket } from 'node:net';
import type { Route } from '../connection.ts';

/** Size of the buffer in bytes. */
const READ_SIZE = 256 << 10;

/**
 * Connects.
 * @param route without a tunnel: through a tunnel the bytes come from another socket
 */
export async function connectToReceive(route: Route): Promise<Socket> {
  const left: { bytes: Buffer | null } = { bytes: null };
  let socket: Socket | undefined;
  const made = await route.connect({
    buffer: Buffer.allocUnsafeSlow(READ_SIZE),
    callback(length, buffer) {
      left.bytes = (buffer as Buffer).subarray(0, length);
      socket?.emit('readable');
      // The reader of the rest resumes reading.
      return left.bytes === null;
    },
  });
  socket = leaving(made, left);
  return socket;
}

/** Overrides `read` and `unshift`, so that undici's parser consumes the reused buffer. */
function leaving(socket: Socket, left: { bytes: Buffer | null }): Socket {
  const read = socket.read.bind(socket);
  return Object.assign(socket, {
    read(size?: number) {
      const { bytes } = left;
      // Nothing is left, or the stream asks for more: reading resumes.
      if (size === 0 || bytes === null) return read(0);
      left.bytes = null;
      return bytes;
    },
    unshift(bytes: Buffer) {
      if (bytes.length > 0) left.bytes = bytes;
    },
  });
}
