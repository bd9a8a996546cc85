/** Long answers, written in pieces. */

/** Characters of the answer that are written at once. */
const PIECE = 64 * 1024;

/** Hands texts on, many small ones as one. */
export async function inPieces(texts: Iterable<string>, out: (text: string) => Promise<unknown>): Promise<undefined> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length < PIECE) continue;
    await out(piece);
    piece = '';
  }
  if (piece !== '') await out(piece);
  return undefined;
}

/** The items of a JSON list, as texts to be written in pieces. */
export function* jsonItems<T>(items: Iterable<T>, documentOf: (item: T) => object): Generator<string> {
  let separator = '';
  for (const item of items) {
    yield `${separator}${JSON.stringify(documentOf(item))}`;
    separator = ',';
  }
}
