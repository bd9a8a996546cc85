/** What differs between two sources, for a person. */
import type { LayerRow } from '../../snapshot/diff/layers.ts';
import type { ChangeLetter, DiffReport } from '../../snapshot/diff/report-types.ts';
import { type ChangeRow, changeRows, foldedRows } from '../../snapshot/diff/words.ts';
import { changeBarOf } from '../bar.ts';
import { quotedName } from '../quoted-name.ts';
import { fitted, type Screen, shown, styled, widthOf, wrapped } from '../screen.ts';
import { countsText, factText, filesByLayer, layerWords, leftOutText } from './rows.ts';

/** More rows of `--stat` than this are summed up on a terminal. */
const MOST_ROWS = 40;
/** Columns of names in a pipe; longer ones are whole, and push what is beside them. */
const PIPE_NAME = 50;
const AMOUNT = 9;
/** On narrower screens words stand below the name. */
const NARROW = 60;
/** Cells of a bar in a pipe, and at most of a screen. */
const PIPE_BAR = 28;
const MAX_BAR = 60;
/** On wider screens what stands on the right comes nearer to its name. */
const WIDE = 120;
const COLORS = { A: 'green', D: 'red', M: 'cyan', m: 'cyan' } as const;

/** @param stat fold folders and draw bars */
export function diffText(report: DiffReport, stat: boolean, screen: Screen): string {
  const parts = [layerLines(report, screen), changeLines(report, stat, screen), endLines(report, screen)];
  const lines = [sentenceLine(report, screen), ...parts.flatMap((part) => (part.length > 0 ? ['', ...part] : []))];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** Line 1, whole on any screen, for it is the answer: where it is longer it goes on in the next line, words uncut. */
export function sentenceLine({ sentence }: DiffReport, screen: Screen): string {
  const lines = wrapped(screen, text(screen, sentence), 0);
  return lines.map((line) => styled(screen, 'bold', line)).join('\n');
}

/** Arrows are ours: where the screen has none, they are drawn. */
function text(screen: Screen, words: string): string {
  return shown(screen, screen.ascii ? words.replaceAll('→', '->') : words);
}

function cutTo(screen: Screen, words: string, width: number | undefined): string {
  return fitted(screen, screen.ascii ? words.replaceAll('→', '->') : words, width && Math.max(0, width));
}

function layerLines({ layers, changes, comparison }: DiffReport, screen: Screen): string[] {
  if (layers === undefined || layers.rows.every(({ state }) => state === 'same')) return [];
  const files = comparison.trees === undefined ? undefined : filesByLayer(layers.rows, changes);
  const rows: { number: string; name: string; right: string }[] = [];
  for (let at = 0; at < layers.rows.length; at += 1) {
    const row = layers.rows[at]!;
    let last = at;
    const goesOn = (next: LayerRow | undefined): boolean =>
      next?.state === 'same' && next.to === row.to! + last + 1 - at;
    if (row.state === 'same') while (goesOn(layers.rows[last + 1])) last += 1;
    const number =
      last > at ? `${row.to}-${layers.rows[last]!.to}` : row.to === undefined ? `-${row.from}` : `${row.to}`;
    if (row.state === 'same') rows.push({ number, name: 'same', right: '' });
    else
      rows.push({ number, name: row.madeBy ?? '(no history)', right: text(screen, layerWords(row, files?.get(at))) });
    at = last;
  }
  const numberWidth = Math.max(...rows.map(({ number }) => number.length)) + 1;
  const rightWidth = Math.max(...rows.map(({ right }) => widthOf(right)));
  const others = numberWidth + 4 + rightWidth;
  const room = Math.min(screen.width ?? PIPE_NAME + AMOUNT + PIPE_BAR, WIDE) - others;
  return rows.map(({ number, name, right }) => {
    const cut = fitted(screen, name, screen.width && Math.max(8, screen.width - others));
    const gap = ' '.repeat(Math.max(2, room - widthOf(cut) + 2 + rightWidth - widthOf(right)));
    return ` ${number.padEnd(numberWidth)} ${cut}${right === '' ? '' : `${gap}${right}`}`;
  });
}

function changeLines({ changes }: DiffReport, stat: boolean, screen: Screen): string[] {
  const all = stat ? foldedRows(changes) : changeRows(changes);
  if (all.length === 0) return [];
  const rows = stat && screen.width !== undefined && all.length > MOST_ROWS + 1 ? all.slice(0, MOST_ROWS) : all;
  const names = rows.map((row) => shown(screen, nameOf(row)));
  const width = screen.width ?? Number.POSITIVE_INFINITY;
  const hasBars = stat && screen.bars && width >= NARROW;
  const longest = most(names, widthOf);
  const mostCells = screen.width === undefined ? PIPE_BAR : Math.min(MAX_BAR, Math.floor(width / 3));
  const mostName = screen.width && nameRoom(width, hasBars ? mostCells : Math.floor(width / 4));
  // A name that is longer than the column moves its own row only.
  const nameWidth = Math.min(longest, mostName === undefined ? PIPE_NAME : Math.min(mostName, WIDE / 2));
  const largest = most(rows, ({ bytes }) => bytes.added + bytes.gone);
  const lines = rows.flatMap((row, index) => {
    const { letter, bytes, amount, words } = row;
    const name = nameCut(screen, names[index]!, mostName);
    const padded = name + ' '.repeat(Math.max(0, nameWidth - widthOf(name)));
    const head = ` ${letter} ${padded}  ${amount.padStart(AMOUNT)}  `;
    if (width < NARROW) {
      const below = words.length === 0 ? [] : [`    ${cutTo(screen, words.join(', '), width - 4)}`];
      return [colored(screen, letter, head, ''), ...below];
    }
    const room = screen.width && screen.width - widthOf(head);
    const bar = hasBars
      ? changeBarOf(bytes.added, bytes.gone, largest, Math.min(mostCells, room ?? mostCells), screen)
      : '';
    const beside = bar === '' || words.length > 0 ? cutTo(screen, words.join(', '), room && room - bar.length - 1) : '';
    return colored(screen, letter, head, [bar, beside].filter((part) => part !== '').join(' '));
  });
  const rest = all.slice(rows.length);
  if (rest.length === 0) return lines;
  return [...lines, `${rest.length.toLocaleString('en')} more rows; a pipe gets all`];
}

/** The letter alone has the colour: names are read best as they are. */
function colored(screen: Screen, letter: ChangeLetter, head: string, tail: string): string {
  return ` ${styled(screen, COLORS[letter], letter)}${head.slice(2)}${tail}`;
}

/** Of more things than a call may have arguments. */
function most<T>(things: readonly T[], size: (thing: T) => number): number {
  return things.reduce((largest, thing) => Math.max(largest, size(thing)), 0);
}

/** @param beside columns of what follows the amount */
function nameRoom(width: number, beside: number): number {
  const others = 3 + 2 + AMOUNT + 2;
  return Math.max(8, width - others - (width < NARROW ? 0 : beside));
}

/** A harmless name that keeps its last part whole where that fits. */
function nameCut(screen: Screen, name: string, width: number | undefined): string {
  if (width === undefined || widthOf(name) <= width) return name;
  // A folder ends in a slash, and in how many files it folds.
  const end = name.replace(/\/(?: {2}\([\d,]+\))?$/, '').length;
  const last = name.slice(name.lastIndexOf('/', end - 1) + 1);
  const gap = screen.ascii ? '.../' : '…/';
  const room = width - widthOf(last) - widthOf(gap);
  if (room < 4) return fitted(screen, name, width);
  let head = '';
  for (const part of name.slice(0, -last.length).split('/')) {
    if (widthOf(`${head}${part}/`) > room) break;
    head += `${part}/`;
  }
  return `${head}${gap}${last}`;
}

function nameOf({ path, files }: ChangeRow): string {
  return files === undefined ? quotedName(path) : `${quotedName(path)}  (${files.toLocaleString('en')})`;
}

function endLines(report: DiffReport, screen: Screen): string[] {
  const { settings, facts } = report;
  const counts = countsText(report);
  const nameWidth = Math.max(0, ...settings.map(({ name }) => Math.min(30, widthOf(name))));
  const room = screen.width && screen.width - nameWidth - 3;
  const lines = settings.map(({ name, text: words }) => {
    const cut = fitted(screen, name, screen.width === undefined ? undefined : nameWidth);
    return ` ${cut}${' '.repeat(Math.max(0, nameWidth - widthOf(cut)))}  ${cutTo(screen, words, room)}`;
  });
  const others = facts
    .flatMap((fact) => factText(fact) ?? [])
    .map((line) => ` ${cutTo(screen, line, screen.width && screen.width - 1)}`);
  const left = leftOutText(report);
  return [...(counts === undefined ? [] : [counts]), ...lines, ...others, ...(left === undefined ? [] : [left])];
}
