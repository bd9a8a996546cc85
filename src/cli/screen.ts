/** The place where an answer is read: how wide it is, and whether it takes colours and more than ASCII. */
import type { Variables } from '../core/home.ts';
import { printable } from '../core/printable.ts';
import { isReadAloud } from './io.ts';

export interface Screen {
  /** Columns of a terminal; undefined for a pipe or file, where nothing is cut. */
  readonly width: number | undefined;
  readonly color: boolean;
  /** Only ASCII, for terminals that would show more as garbage. */
  readonly ascii: boolean;
  /** False for those who have the screen read to them (`ACCESSIBLE=1`). */
  readonly bars: boolean;
}

const DEFAULT_WIDTH = 80;
const LEAST_WIDTH = 20;

/** The screen that stdout leads to. */
export function screenOf(
  stdout: { readonly isTTY?: boolean; readonly columns?: number },
  env: Variables,
  colorFlag: unknown,
): Screen {
  const columns = /^\d{1,5}$/.test(env.COLUMNS ?? '') ? Number(env.COLUMNS) : stdout.columns;
  const width = stdout.isTTY === true ? Math.max(LEAST_WIDTH, columns || DEFAULT_WIDTH) : undefined;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return {
    width,
    color: takesColor(stdout.isTTY === true, env, colorFlag),
    bars: !isReadAloud(env),
    ascii: env.TERM === 'dumb' || !/utf-?8/i.test(locale),
  };
}

/**
 * `--color` or `--no-color` decides, then `NO_COLOR`, then `FORCE_COLOR` (`0` is off), then the terminal. The log of a CI
 * system is no terminal: what is written there is as often captured by a script.
 */
export function takesColor(isTerminal: boolean, env: Variables, flag: unknown): boolean {
  if (typeof flag === 'boolean') return flag;
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return !/^(?:0|false)$/.test(env.FORCE_COLOR);
  return isTerminal && env.TERM !== 'dumb';
}

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], cyan: [36, 39] } as const;

/** A text in a style of the terminal's own; never the only sign of what it means. */
export function styled(screen: Screen, style: keyof typeof STYLES, text: string): string {
  const [on, off] = STYLES[style];
  return screen.color ? `\x1b[${on}m${text}\x1b[${off}m` : text;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Characters of two columns: those of Chinese, Japanese and Korean, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;

/** The columns that a text takes. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += cells(segment);
  return width;
}

const cells = (grapheme: string): number => (WIDE.test(grapheme) ? 2 : /^\p{M}+$/u.test(grapheme) ? 0 : 1);

/** More characters than this for each column are not looked at. */
const MOST_UNITS = 8;

/**
 * A text from outside, harmless, in at most so many columns: its beginning and its end.
 * @param width undefined: whole
 */
export function fitted(screen: Screen, text: string, width: number | undefined): string {
  if (width === undefined) return shown(screen, text);
  const most = MOST_UNITS * Math.max(1, width);
  const isLong = text.length > 2 * most;
  const safe = shown(screen, isLong ? text.slice(0, most) + text.slice(-most) : text);
  if (!isLong && widthOf(safe) <= width) return safe;
  const gap = screen.ascii ? '...' : '…';
  const parts = [...graphemes.segment(safe)].map(({ segment }) => segment);
  const room = Math.max(0, width - gap.length);
  const head = taken(parts, Math.floor(room / 3));
  const tail = taken(parts.reverse(), room - widthOf(head.join('')));
  return `${head.join('')}${gap}${tail.reverse().join('')}`.slice(0, width < gap.length ? width : undefined);
}

/** As `fitted`, but the beginning alone, on one line: for commands. */
export function begun(screen: Screen, text: string, width: number | undefined): string {
  const most = width === undefined ? text : text.slice(0, MOST_UNITS * Math.max(1, width));
  const safe = shown(screen, most.replace(/\s+/g, ' ').trim());
  if (width === undefined || (widthOf(safe) <= width && most === text)) return safe;
  const gap = screen.ascii ? '...' : '…';
  const parts = [...graphemes.segment(safe)].map(({ segment }) => segment);
  return `${taken(parts, Math.max(0, width - gap.length)).join('')}${gap}`.slice(
    0,
    width < gap.length ? width : undefined,
  );
}

/**
 * A sentence in lines that fit, each of them indented; words are never cut, so that commands can be copied.
 * @param indent columns before each line
 */
export function wrapped({ width = Number.POSITIVE_INFINITY }: Screen, text: string, indent: number): string[] {
  const [first = '', ...words] = text.split(' ');
  const lines: string[] = [];
  let line = first;
  for (const word of words) {
    if (indent + widthOf(`${line} ${word}`) <= width) {
      line += ` ${word}`;
      continue;
    }
    lines.push(line);
    line = word;
  }
  return [...lines, line].map((text) => ' '.repeat(indent) + text);
}

/**
 * A message in lines that fit, what goes on in the next line indented. A line that holds a command of ours is left to the
 * terminal, which breaks it so that it can be copied.
 */
export function messageLines(screen: Screen, message: string): string {
  const lines = message
    .split('\n')
    .map((line) => (/\bctxsrc [a-z-]/.test(line) ? line : wrapped(screen, line, 2).join('\n').slice(2)));
  return lines.join('\n');
}

/** Harmless, and in ASCII where the screen has no more. */
export function shown(screen: Screen, text: string): string {
  const safe = printable(text);
  return screen.ascii
    ? safe.replace(/[^\x20-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
    : safe;
}

function taken(parts: readonly string[], room: number): string[] {
  const kept: string[] = [];
  let width = 0;
  for (const part of parts) {
    width += cells(part);
    if (width > room) break;
    kept.push(part);
  }
  return kept;
}
