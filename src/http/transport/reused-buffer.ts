/**
 * The connection of a download. A socket takes fresh memory for each read, which costs four times as much processor time
 * as receiving does; this one reads into one buffer again and again (`onread` of `net.connect`).
 *
 * Such a socket hands over no data by events: Node calls `callback` for each read. undici's parser however asks a socket
 * for its data, by `read()` after `readable`, and gives back by `unshift()` what it could not use yet. So the two methods
 * are replaced: what was read lies in `left` until the parser has taken it, and reading stands still while something is
 * left, because the next read would overwrite it.
 */
import type { Socket } from 'node:net';
import type { Route } from '../connection.ts';

/** Bytes that are read at once. */
const READ_SIZE = 256 << 10;

/** Connects. @param way without a tunnel: through one the bytes come from another socket */
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

/** Lets `read` and `unshift` of the socket be about the one buffer. */
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
