/** A blob on its way into a registry or a layout. */
import { createReadStream } from 'node:fs';
import { type Digest, digestHex, hasherFor } from '../../core/digest.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { CONTENT_DAMAGED, SIZE_WRONG } from '../../core/integrity-hints.ts';
import { printable } from '../../core/printable.ts';

/** Bytes of a blob that can be read more than once, from any offset. */
export interface BlobContent {
  /** The bytes from `start` to before `end`. */
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
const PIECE = 256 * 1024;

export function contentOfFile(path: string): BlobContent {
  return {
    async *open(start, end) {
      // A stream cannot express an empty range.
      if (start >= end) return;
      try {
        yield* createReadStream(path, { start, end: end - 1, highWaterMark: PIECE });
      } catch (error) {
        throw localError(error, `cannot read ${printable(path)}`);
      }
    },
  };
}

export function contentOfBytes(bytes: Uint8Array): BlobContent {
  return {
    async *open(start, end) {
      yield bytes.subarray(start, end);
    },
  };
}

/**
 * The whole blob. Its last piece is held back until size and digest were checked, so that a receiver never has all of
 * wrong bytes.
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
