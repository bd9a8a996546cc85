/** The first bytes of a stream, and the whole stream. */
export interface Peeked {
  /** At least as long as requested, unless the stream is shorter. */
  readonly first: Buffer;
  /** Can be read once. */
  readonly whole: AsyncIterable<Buffer>;
}

/** Reads until the first `length` bytes are known. */
export async function peek(input: AsyncIterable<Buffer> | Iterable<Buffer>, length: number): Promise<Peeked> {
  const iterator = Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]();
  const pieces: Buffer[] = [];
  for (let known = 0; known < length; ) {
    const next = await iterator.next();
    if (next.done === true) break;
    pieces.push(Buffer.from(next.value));
    known += next.value.length;
  }
  const first = Buffer.concat(pieces);
  return { first, whole: resumed(first, iterator) };
}

async function* resumed(first: Buffer, rest: AsyncIterator<Buffer> | Iterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
