/** Two lists brought side by side: what of them is the same, in order. */

/** More pairs than this are not compared: a list of thousands of other instructions has nothing to bring together. */
const MOST_PAIRS = 4_000_000;

export interface Gap<T> {
  readonly gone: readonly T[];
  readonly added: readonly T[];
}

/** What is not on both sides, in stretches between what is. */
export function gapsBetween<T>(a: readonly T[], b: readonly T[], identity: (one: T) => string): Gap<T>[] {
  const gaps: Gap<T>[] = [];
  let [fromA, fromB] = [0, 0];
  for (const [atA, atB] of [...alignedPositions(a.map(identity), b.map(identity)), [a.length, b.length] as const]) {
    const [gone, added] = [a.slice(fromA, atA), b.slice(fromB, atB)];
    if (gone.length + added.length > 0) gaps.push({ gone, added });
    [fromA, fromB] = [atA + 1, atB + 1];
  }
  return gaps;
}

/** The positions on both sides of what is the same, in order. */
export function alignedPositions(left: readonly string[], right: readonly string[]): (readonly [number, number])[] {
  let start = 0;
  while (start < left.length && left[start] === right[start]) start += 1;
  let same = 0;
  const most = Math.min(left.length, right.length) - start;
  while (same < most && left.at(-1 - same) === right.at(-1 - same)) same += 1;
  const [midA, midB] = [left.slice(start, left.length - same), right.slice(start, right.length - same)];
  const common = midA.length * midB.length > MOST_PAIRS ? [] : commonPositions(midA, midB);
  return [
    ...Array.from({ length: start }, (_, at) => [at, at] as const),
    ...common.map(([atA, atB]) => [start + atA, start + atB] as const),
    ...Array.from({ length: same }, (_, at) => [left.length - same + at, right.length - same + at] as const),
  ];
}

/** Positions of a longest common subsequence. */
function commonPositions(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  const width = b.length + 1;
  // Of each pair of positions the length of what is common behind them.
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const [skipA, skipB] = [lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!];
      lengths[i * width + j] = a[i] === b[j] ? lengths[(i + 1) * width + j + 1]! + 1 : Math.max(skipA, skipB);
    }
  }
  const positions: (readonly [number, number])[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      positions.push([i, j]);
      i += 1;
      j += 1;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i += 1;
    else j += 1;
  }
  return positions;
}
