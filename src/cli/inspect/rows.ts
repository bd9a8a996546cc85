/** What the pages of `inspect` are made of: facts behind labels, and sums of a share. */
import { begun, fitted, type Screen, shown, styled, widthOf, wrapped } from '../screen.ts';

/** Columns of the labels: a sha256 digest behind one ends in column 80. */
const LABEL = 9;
/** Lists on a terminal are cut after this many lines. */
export const MOST_ROWS = 20;

/** A fact in words, wrapped; a word that is wider than the screen is cut. */
export function fact(screen: Screen, label: string, text: string): string[] {
  const words = text.split(/\s+/).map((one) => fitted(screen, one, room(screen)));
  const [first = '', ...rest] = wrapped(screen, words.join(' '), LABEL);
  return [labelled(screen, label, first.slice(LABEL)), ...rest];
}

/** A fact that is one word, cut in the middle where it does not fit. */
export function word(screen: Screen, label: string, text: string): string[] {
  return [labelled(screen, label, fitted(screen, text, room(screen)))];
}

/** A digest: whole, or where there is no room its beginning and end. */
export function digestLine(screen: Screen, label: string, digest: string): string[] {
  return [labelled(screen, label, digestText(screen, digest, room(screen)))];
}

/** A reference with its digest, in two lines where it is too long for one, so that both can be copied. */
export function pinnedLines(screen: Screen, pinned: string): string[] {
  const cut = pinned.lastIndexOf('@');
  if (screen.width === undefined || cut === -1 || widthOf(shown(screen, pinned)) <= room(screen)!) {
    return word(screen, 'pinned', pinned);
  }
  const digest = digestText(screen, pinned.slice(cut + 1), screen.width - LABEL);
  return [...word(screen, 'pinned', pinned.slice(0, cut)), `${' '.repeat(LABEL - 1)}@${digest}`];
}

/** The first line: a name, and facts at the other end of the line. */
export function titleLines(screen: Screen, name: string, facts: string): string[] {
  const { width } = screen;
  const shownName = fitted(screen, name, width);
  const tail = fitted(screen, facts, width);
  if (tail === '') return [styled(screen, 'bold', shownName)];
  const free = (width ?? 0) - widthOf(shownName) - widthOf(tail);
  if (width !== undefined && free < 2) return [styled(screen, 'bold', shownName), tail];
  return [`${styled(screen, 'bold', shownName)}${' '.repeat(Math.max(2, free))}${tail}`];
}

/** The first rows on a terminal, and how many more there are; all of them in a pipe. */
export function limited<T>(screen: Screen, rows: readonly T[], line: (row: T) => string): string[] {
  if (screen.width === undefined || rows.length <= MOST_ROWS) return rows.map(line);
  const rest = rows.length - MOST_ROWS;
  return [...rows.slice(0, MOST_ROWS).map(line), `${rest.toLocaleString('en')} more`];
}

/** Annotations of one level. */
export function annotationLines(
  screen: Screen,
  level: string,
  annotations: Readonly<Record<string, string>> | undefined,
): string[] {
  const pairs = Object.entries(annotations ?? {});
  if (pairs.length === 0) return [];
  return [
    '',
    styled(screen, 'dim', begun(screen, `ANNOTATIONS OF THE ${level}`, screen.width)),
    ...limited(screen, pairs, ([name, value]) => begun(screen, `${name}: ${value}`, screen.width)),
  ];
}

/** Whole percents that sum to 100, as the largest remainders have it. */
export function percents(sizes: readonly number[]): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total === 0) return sizes.map(() => 0);
  const exact = sizes.map((size) => (size / total) * 100);
  const whole = exact.map(Math.floor);
  const missing = 100 - whole.reduce((sum, one) => sum + one, 0);
  const byRest = [...exact.keys()].sort((a, b) => exact[b]! - whole[b]! - (exact[a]! - whole[a]!) || a - b);
  for (const i of byRest.slice(0, missing)) whole[i]! += 1;
  return whole;
}

/** The lines as one text. */
export function page(lines: readonly string[]): string {
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** A digest, or where there is no room its beginning and end. */
export function digestText(screen: Screen, digest: string, width: number | undefined): string {
  if (width === undefined || (digest.length <= width && widthOf(shown(screen, digest)) <= width))
    return shown(screen, digest);
  const [algorithm = '', hex = ''] = digest.split(':');
  return fitted(screen, `${algorithm}:${hex.slice(0, 4)}${screen.ascii ? '...' : '…'}${hex.slice(-4)}`, width);
}

const labelled = (screen: Screen, label: string, text: string): string =>
  `${styled(screen, 'bold', label.padEnd(LABEL - 1))} ${text}`;

const room = ({ width }: Screen): number | undefined => width && width - LABEL;
