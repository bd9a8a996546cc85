/** A blob on its way into a registry or a layout. */
import { open } from 'node:fs/promises';
import { type Digest, digestHex, hasherFor, sha256 } from '../../core/digest.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { CONTENT_DAMAGED, SIZE_WRONG } from '../../core/integrity-hints.ts';
import { printable } from '../../core/printable.ts';

/** Bytes of a blob that can be read more than once, from any offset. */
export interface BlobContent {
  /** The bytes from `start` to before `end`. A piece is valid until the next but one is asked for. */
  open(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface OutgoingBlob {
  readonly digest: Digest;
  readonly size: number;
  /** What it is, for people: `layer`, `configuration`. */
  readonly kind: string;
  /** Brings the bytes to this machine. Called only for a blob that the destination lacks. */
  content(): Promise<BlobContent>;
}

/** Memory of one upload: two such pieces. */
const PIECE = 1024 * 1024;

export function contentOfFile(path: string): BlobContent {
  return {
    async *open(start, end) {
      const file = await named(path, open(path));
      try {
        // Filled in turn: new memory for each piece costs as much as reading into it.
        let [filling, other] = [newPiece(end - start), newPiece(end - start)];
        for (let position = start; position < end; [filling, other] = [other, filling]) {
          const length = Math.min(filling.length, end - position);
          const { bytesRead } = await named(path, file.read(filling, 0, length, position));
          if (bytesRead === 0) return;
          position += bytesRead;
          yield filling.subarray(0, bytesRead);
        }
      } finally {
        await file.close();
      }
    },
  };
}

function newPiece(length: number): Buffer {
  return Buffer.allocUnsafeSlow(Math.min(PIECE, length));
}

/** Names the file in the system's error. */
async function named<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw localError(error, `cannot read ${printable(path)}`);
  }
}

export function contentOfBytes(bytes: Uint8Array): BlobContent {
  return {
    async *open(start, end) {
      yield bytes.subarray(start, end);
    },
  };
}

/** A blob that is made here. */
export function blobOf(bytes: Uint8Array, kind: string, digest = sha256(bytes)): OutgoingBlob {
  return { digest, size: bytes.length, kind, content: async () => contentOfBytes(bytes) };
}

/**
 * The whole blob. Its last piece is held back until size and digest were checked, so that a receiver never has all of
 * wrong bytes. A piece is valid until the next one is asked for.
 * @throws E_SIZE_MISMATCH, E_DIGEST_MISMATCH
 */
export async function* verified(
  { digest, size, kind }: Omit<OutgoingBlob, 'content'>,
  content: BlobContent,
): AsyncGenerator<Uint8Array> {
  const hash = hasherFor(digest);
  let length = 0;
  let held: Uint8Array | undefined;
  // One byte more than promised shows that there are too many.
  for await (const piece of content.open(0, size + 1)) {
    hash.update(piece);
    length += piece.length;
    if (held !== undefined) yield held;
    held = piece;
  }
  if (length !== size) {
    const found = length > size ? 'more' : length;
    const message = `${kind} ${digest} has ${found} bytes where it lies, but ${size} were declared`;
    throw new CtxsrcError('E_SIZE_MISMATCH', message, { hint: SIZE_WRONG });
  }
  const found = hash.digest('hex');
  if (found !== digestHex(digest)) {
    throw new CtxsrcError('E_DIGEST_MISMATCH', `${kind} ${digest} has another content where it lies: ${found}`, {
      hint: CONTENT_DAMAGED,
    });
  }
  if (held !== undefined) yield held;
}
