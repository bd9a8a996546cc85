/**
 * The word that the user may have meant: the nearest by edit distance, if it is near enough.
 * @param most the largest distance that is near enough, for a word of the given length
 */
export function closest(
  typed: string,
  words: readonly string[],
  most = (length: number): number => Math.max(2, length * 0.4),
): string | undefined {
  const ranked = words
    .map((word) => ({ word, distance: editDistance(typed, word) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= most(best.word.length) ? best.word : undefined;
}

/** The Levenshtein distance: the number of letters inserted, deleted or replaced. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      next.push(Math.min(row[j]! + (a[i] === b[j] ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
