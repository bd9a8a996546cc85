/** How progress is laid out in lines of a terminal: every line fits, and the most important part stays. */

import { formatBytes, formatDuration, formatTimeLeft } from '../../core/format.ts';
import { printable } from '../../core/printable.ts';
import { amountOf, type Moved, type Overall, percent, quantity, type RunningTask, VERBS } from './tasks.ts';

/** With fewer columns, words are shorter and there is no bar. */
const NARROW = 72;
/** Columns before and after a title: verb, amount, percentage, and the spaces between. */
const VERB = 11;
const DETAIL = 28;
const FIXED = VERB + 1 + 2 + DETAIL + 1 + 1 + 4;
/** Columns that a title leaves for the bar, brackets included; the bar takes no more. */
const LEAST_BAR = 12;
const MOST_BAR = 32;

/** A text in the given number of columns: its beginning and, mostly, its end. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  if (width < 4) return text.slice(0, Math.max(0, width));
  const head = Math.floor((width - 1) / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
}

/** One line for each task, with aligned columns. */
export function taskLines(
  tasks: readonly RunningTask[],
  rateOf: (task: RunningTask) => number,
  columns: number,
): string[] {
  const lines = tasks.map((task) => ({
    task,
    speed: task.phase === 'download' && task.done > 0 ? `${formatBytes(rateOf(task))}/s` : '',
  }));
  if (columns < NARROW) return lines.map(({ task, speed }) => narrowLine(task, speed, columns));
  const room = columns - 1 - FIXED;
  const longest = Math.max(...tasks.map((task) => titleOf(task).length));
  const width = Math.min(longest, Math.max(LEAST_BAR, room - LEAST_BAR));
  return lines.map(({ task, speed }) => wideLine(task, speed, width, room - width));
}

function wideLine(task: RunningTask, speed: string, width: number, room: number): string {
  const detail = [amountOf(task), speed].filter((text) => text !== '').join('  ');
  const title = shorten(titleOf(task), width).padEnd(width);
  const line = `${VERBS[task.phase].doing.padEnd(VERB)} ${title}  ${detail.padEnd(DETAIL)}`;
  if (task.part === undefined) return line.trimEnd();
  const cells = Math.min(MOST_BAR, room) - 2;
  const filled = Math.floor(task.part * cells);
  const bar = cells < 3 ? '' : ` [${'='.repeat(filled)}${' '.repeat(cells - filled)}]`;
  return `${line}${bar} ${percent(task.part).padStart(4)}`;
}

function narrowLine(task: RunningTask, speed: string, columns: number): string {
  const word = task.phase === 'download' ? 'get' : task.phase === 'unpack' ? 'put' : task.phase;
  const share = task.part === undefined ? '' : percent(task.part).padStart(4);
  const amount =
    task.done === 0 && task.part !== undefined && task.total === undefined ? '' : quantity(task.done, task.unit);
  const rest = [share, amount, speed].filter((text) => text !== '').join(' ');
  const title = task.layer === undefined ? printable(task.label) : `${task.layer}/${task.layers}`;
  return `${word} ${shorten(title, columns - 3 - word.length - rest.length)} ${rest}`;
}

function titleOf(task: RunningTask): string {
  return task.layer === undefined ? printable(task.label) : `layer ${task.layer} of ${task.layers}`;
}

export interface Summary {
  readonly overall: Overall | undefined;
  readonly moved: Moved;
  /** Tasks without a line. */
  readonly hidden: number;
  /** Milliseconds since the start, and those that are left if known. */
  readonly took: number;
  readonly left: number | undefined;
}

/** The line below the tasks, for all of them. */
export function summaryLine({ overall, moved, hidden, took, left }: Summary, columns: number): string {
  const share = overall?.part === undefined ? '' : percent(overall.part);
  const layers = overall?.layers;
  const more = hidden > 0 ? ` (${hidden} not shown)` : '';
  const remaining = left === undefined ? '' : `${formatTimeLeft(left)} left`;
  if (columns < NARROW) {
    const counted = layers === undefined ? more.trim() : `${layers.done}/${layers.of} layers${more}`;
    const bytes = moved.writtenBytes > 0 ? moved.writtenBytes : moved.downloaded + moved.copied;
    const last = remaining === '' ? formatDuration(took) : remaining;
    const amount = bytes === 0 ? '' : formatBytes(bytes);
    return firstThatFits(
      [
        [share, counted, amount, last],
        [share, counted, last],
      ],
      columns,
    );
  }
  const counted = layers === undefined ? more.trim() : `${layers.done} of ${quantity(layers.of, 'layers')}${more}`;
  const loaded = moved.downloaded === 0 ? '' : `${formatBytes(moved.downloaded)} loaded`;
  const bytes = formatBytes(moved.writtenBytes);
  const written = moved.writtenFiles === 0 ? '' : `${bytes}, ${quantity(moved.writtenFiles, 'files')} written`;
  const times = [formatDuration(took), remaining].filter((text) => text !== '').join(', ');
  // Without layers, the lines of tasks show the amounts.
  const amounts = layers === undefined ? [] : [loaded, written];
  return firstThatFits(
    [
      [share, counted, ...amounts, times],
      [share, counted, ...amounts.slice(1), times],
      [share, counted, times],
    ],
    columns,
  );
}

function firstThatFits(lines: readonly (readonly string[])[], columns: number): string {
  const texts = lines.map((parts) => parts.filter((part) => part !== '').join('  '));
  return texts.find((text) => text.length < columns) ?? texts.at(-1)!.slice(0, columns - 1);
}

/** A single step, for the spinner. */
export function stepText(task: RunningTask, left: number | undefined, width: number): string {
  const numbers = [
    task.done > 0 || task.files > 0 ? amountOf(task) : '',
    task.part === undefined ? '' : percent(task.part),
    left === undefined ? '' : `${formatTimeLeft(left)} left`,
  ];
  const rest = numbers.map((text) => (text === '' ? '' : `  ${text}`)).join('');
  const verb = VERBS[task.phase].doing;
  const room = width - verb.length - 1 - rest.length;
  return `${verb} ${shorten(printable(task.label), Math.max(8, room))}${rest}`.slice(0, Math.max(8, width));
}
