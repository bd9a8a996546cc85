/** What a stream of bytes begins with, and all of it: to be asked for at the beginning. */
export interface Peeked {
  /** At least as long as was wanted, unless there is no more. */
  readonly first: Buffer;
  /** Once. */
  readonly whole: AsyncIterable<Buffer>;
}

/** Reads as much as it takes to know the first `length` bytes. */
export async function peek(input: AsyncIterable<Buffer>, length: number): Promise<Peeked> {
  const iterator = input[Symbol.asyncIterator]();
  const pieces: Buffer[] = [];
  for (let known = 0; known < length; ) {
    const next = await iterator.next();
    if (next.done === true) break;
    pieces.push(Buffer.from(next.value));
    known += next.value.length;
  }
  const first = Buffer.concat(pieces);
  return { first, whole: { [Symbol.asyncIterator]: () => resumed(first, iterator) } };
}

async function* resumed(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
