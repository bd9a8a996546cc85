/**
 * The live view for a person at a terminal: one line for each layer in flight and one for the total, redrawn in place;
 * a single step is an ora spinner. The cursor comes back on every exit, and what was drawn is wiped before the answer.
 */
import type { Ora } from 'ora';
import { monotonicMs } from '../core/monotonic.ts';
import { printable } from '../core/printable.ts';
import type { ProgressEvent } from '../core/progress.ts';
import { formatBytes, formatDuration } from './format.ts';
import { MessageWriter } from './progress-messages.ts';
import { Rates } from './progress-rate.ts';
import { DOING, isTransfer, quantity, type RunningTask, TaskTable } from './progress-tasks.ts';
import type { Reporter } from './reporter.ts';

const FRAME_MS = 100;
/** A step that is over sooner is not shown at all. */
const PATIENCE_MS = 200;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const ERASE_BELOW = '\u001b[J';

export class LiveView implements Reporter {
  readonly #stream: NodeJS.WriteStream;
  readonly #messages: MessageWriter;
  readonly #tasks = new TaskTable();
  readonly #color: boolean;
  readonly #start = monotonicMs();
  readonly #timer: NodeJS.Timeout;
  #drawn: readonly string[] = [];
  #drawnColumns = 0;
  #summedUp = 0;
  #cursorHidden = false;
  #closed = false;
  #spinner: Ora | 'loading' | undefined;
  readonly #rates = new Rates();

  constructor(stream: NodeJS.WriteStream, options: { verbose: number; color: boolean }) {
    this.#stream = stream;
    this.#color = options.color;
    this.#messages = new MessageWriter(stream, { level: 'note', verbose: options.verbose });
    this.#timer = setInterval(() => this.#frame(), FRAME_MS);
    this.#timer.unref();
    process.once('exit', this.#restore);
  }

  emit(event: ProgressEvent): void {
    this.#tasks.apply(event);
    if (event.type !== 'message' && event.type !== 'request') return;
    const line = this.#messages.lineOf(event);
    if (line === undefined) return;
    this.#wipe();
    this.#stream.write(`${line}\n`);
  }

  makeRoom(): void {
    this.#wipe();
    this.#sumUp();
    this.#restore();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.makeRoom();
    process.off('exit', this.#restore);
  }

  /** One line that stays: what was transferred. Not said again unless there is more. */
  #sumUp(): void {
    const { finished, finishedBytes } = this.#tasks;
    if (finished === this.#summedUp) return;
    this.#summedUp = finished;
    const took = formatDuration(monotonicMs() - this.#start);
    this.#stream.write(
      `${finished} ${finished === 1 ? 'layer' : 'layers'}, ${formatBytes(finishedBytes)} in ${took}\n`,
    );
  }

  readonly #restore = (): void => {
    if (this.#cursorHidden) this.#stream.write(SHOW_CURSOR);
    this.#cursorHidden = false;
  };

  #frame(): void {
    const now = monotonicMs();
    const isShown = (task: RunningTask): boolean => now - task.since >= PATIENCE_MS;
    const transfers = this.#tasks.transfers().filter(isShown);
    const step = [...this.#tasks.running.values()].find((task) => !isTransfer(task) && isShown(task));
    // Between two layers the total stays where it is.
    if (transfers.length > 0 || (step === undefined && this.#drawn.length > 0 && this.#tasks.running.size > 0)) {
      this.#stopSpinner();
      this.#draw(this.#lines(transfers));
    } else if (step !== undefined) {
      this.#erase();
      this.#spin(step);
    } else {
      this.#wipe();
    }
  }

  #lines(transfers: readonly RunningTask[]): string[] {
    const columns = this.#stream.columns || 80;
    const rows = Math.max(2, (this.#stream.rows || 24) - 1);
    const room = Math.min(transfers.length, rows - 1);
    const lines = transfers.slice(0, room).map((task) => taskLine(task, this.#rates.of(task.id, task.done), columns));
    return [...lines, this.#totalLine(transfers, transfers.length - room, columns)].map((line) =>
      line.slice(0, columns - 1),
    );
  }

  #totalLine(transfers: readonly RunningTask[], hidden: number, columns: number): string {
    const inFlight = transfers.filter((task) => task.unit === 'bytes').reduce((sum, task) => sum + task.done, 0);
    const bytes = this.#tasks.finishedBytes + inFlight;
    const more = hidden > 0 ? ` (${hidden} not shown)` : '';
    const count = `${this.#tasks.finished} done, ${transfers.length} ${columns < NARROW ? 'more' : 'in flight'}${more}`;
    const rate = `${formatBytes(this.#rates.of('', bytes))}/s`;
    const took = formatDuration(monotonicMs() - this.#start);
    return [count, formatBytes(bytes), ...(columns < NARROW ? [] : [rate]), took].join('  ');
  }

  #draw(lines: readonly string[]): void {
    const hide = this.#cursorHidden ? '' : HIDE_CURSOR;
    this.#cursorHidden = true;
    // One write a frame, each line overwritten before its rest is erased: nothing flickers.
    const body = lines.map((line) => `${line}\u001b[K\n`).join('');
    // A terminal joins the rows of a line that it broke when it becomes wider again, unless they were erased as a whole.
    const columns = this.#stream.columns || 80;
    const erase = columns === this.#drawnColumns ? '' : ERASE_BELOW;
    this.#stream.write(`${hide}${this.#upToFirst()}${erase}${body}${ERASE_BELOW}`);
    this.#drawn = lines;
    this.#drawnColumns = columns;
  }

  /** To the first line of what was drawn. A terminal that became narrower has broken lines into several rows. */
  #upToFirst(): string {
    const columns = this.#stream.columns || 80;
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0);
    return rows === 0 ? '' : `\r\u001b[${rows}A`;
  }

  #erase(): void {
    if (this.#drawn.length === 0) return;
    this.#stream.write(`${this.#upToFirst()}${ERASE_BELOW}`);
    this.#drawn = [];
  }

  #wipe(): void {
    this.#erase();
    this.#stopSpinner();
  }

  #spin(task: RunningTask): void {
    const text = stepText(task, (this.#stream.columns || 80) - 4);
    if (this.#spinner === 'loading') return;
    if (this.#spinner !== undefined) {
      this.#spinner.text = text;
      return;
    }
    this.#spinner = 'loading';
    import('ora').then(({ default: ora }) => {
      if (this.#closed || this.#spinner !== 'loading') return;
      const options = { text, stream: this.#stream, discardStdin: false, isEnabled: true };
      this.#spinner = ora(this.#color ? options : { ...options, color: false }).start();
    }, ignore);
  }

  #stopSpinner(): void {
    if (this.#spinner !== undefined && this.#spinner !== 'loading') this.#spinner.stop();
    this.#spinner = undefined;
  }
}

/** Without its spinner a step is merely not shown. */
const ignore = (): void => undefined;

/** Below this many columns words are shorter and there is no bar. */
const NARROW = 60;

function taskLine(task: RunningTask, rate: number, columns: number): string {
  const speed = task.unit === 'bytes' && task.phase === 'download' ? `${formatBytes(rate)}/s` : '';
  if (columns < NARROW) {
    const label = printable(task.label)
      .replace(/^layer /, '')
      .slice(0, 8);
    return `${task.phase === 'download' ? 'get' : 'put'} ${label} ${percentOf(task)} ${quantity(task.done, task.unit)} ${speed}`;
  }
  const label = printable(task.label).slice(0, 30);
  const line = `${DOING[task.phase].padEnd(11)} ${label}  ${amountOf(task).padEnd(17)}  ${speed.padEnd(9)}`;
  const cells = Math.min(30, columns - line.length - 9);
  const part = partOf(task);
  if (part === undefined || cells < 5) return line.trimEnd();
  const filled = Math.round(part * cells);
  return `${line} [${'='.repeat(filled)}${' '.repeat(cells - filled)}] ${percentOf(task)}`;
}

function partOf(task: RunningTask): number | undefined {
  return task.total === undefined || task.total === 0 ? undefined : Math.min(1, task.done / task.total);
}

function percentOf(task: RunningTask): string {
  const part = partOf(task);
  return part === undefined ? '' : `${String(Math.floor(part * 100)).padStart(3)}%`;
}

function stepText(task: RunningTask, width: number): string {
  return `${DOING[task.phase]} ${printable(task.label)}${task.done > 0 ? `  ${amountOf(task)}` : ''}`.slice(
    0,
    Math.max(8, width),
  );
}

function amountOf(task: RunningTask): string {
  const total = task.total === undefined ? '' : ` / ${quantity(task.total, task.unit)}`;
  return `${quantity(task.done, task.unit)}${total}`;
}
