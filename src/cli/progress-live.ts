/**
 * The live view for a person at a terminal: one line for each layer in flight and one for the total, redrawn in place;
 * a single step is an ora spinner. The cursor comes back on every exit, and what was drawn is wiped before the answer.
 */
import type { Ora } from 'ora';
import { printable } from '../core/printable.ts';
import type { ProgressEvent } from '../core/progress.ts';
import { formatBytes, formatDuration } from './format.ts';
import { MessageWriter } from './progress-messages.ts';
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
  readonly #start = performance.now();
  readonly #timer: NodeJS.Timeout;
  #drawn: readonly string[] = [];
  #cursorHidden = false;
  #closed = false;
  #spinner: Ora | 'loading' | undefined;
  /** Bytes seen at earlier moments, newest last, for the rate of the last seconds. */
  #samples: { at: number; bytes: number }[] = [];

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

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#wipe();
    const { finished, finishedBytes } = this.#tasks;
    if (finished > 0) {
      const took = formatDuration(performance.now() - this.#start);
      this.#stream.write(
        `${finished} ${finished === 1 ? 'layer' : 'layers'}, ${formatBytes(finishedBytes)} in ${took}\n`,
      );
    }
    this.#restore();
    process.off('exit', this.#restore);
  }

  readonly #restore = (): void => {
    if (this.#cursorHidden) this.#stream.write(SHOW_CURSOR);
    this.#cursorHidden = false;
  };

  #frame(): void {
    const now = performance.now();
    const shown = [...this.#tasks.running.values()].filter((task) => now - task.since >= PATIENCE_MS);
    const transfers = shown.filter(isTransfer);
    if (transfers.length > 0) {
      this.#stopSpinner();
      this.#draw(this.#lines(transfers));
    } else if (shown[0] !== undefined) {
      this.#erase();
      this.#spin(shown[0]);
    } else {
      this.#wipe();
    }
  }

  #lines(transfers: readonly RunningTask[]): string[] {
    const columns = this.#stream.columns || 80;
    const rows = Math.max(2, (this.#stream.rows || 24) - 1);
    const room = Math.min(transfers.length, rows - 1);
    const lines = transfers.slice(0, room).map((task) => taskLine(task, columns));
    return [...lines, this.#totalLine(transfers, transfers.length - room)].map((line) => line.slice(0, columns - 1));
  }

  #totalLine(transfers: readonly RunningTask[], hidden: number): string {
    const bytes = transfers.filter((task) => task.unit === 'bytes').reduce((sum, task) => sum + task.done, 0);
    const rate = this.#rate(this.#tasks.finishedBytes + bytes);
    const parts = [
      `${this.#tasks.finished} done, ${transfers.length} in flight${hidden > 0 ? ` (${hidden} not shown)` : ''}`,
      formatBytes(this.#tasks.finishedBytes + bytes),
      `${formatBytes(rate)}/s`,
      formatDuration(performance.now() - this.#start),
    ];
    return parts.join('  ');
  }

  /** Bytes a second over the last three seconds. */
  #rate(bytes: number): number {
    const now = performance.now();
    this.#samples = [...this.#samples.filter((sample) => now - sample.at < 3_000), { at: now, bytes }];
    const first = this.#samples[0]!;
    const span = now - first.at;
    return span < FRAME_MS ? 0 : Math.max(0, Math.round(((bytes - first.bytes) * 1000) / span));
  }

  #draw(lines: readonly string[]): void {
    const hide = this.#cursorHidden ? '' : HIDE_CURSOR;
    this.#cursorHidden = true;
    // One write a frame, each line overwritten before its rest is erased: nothing flickers.
    const body = lines.map((line) => `${line}\u001b[K\n`).join('');
    this.#stream.write(`${hide}${this.#upToFirst()}${body}${ERASE_BELOW}`);
    this.#drawn = lines;
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

function taskLine(task: RunningTask, columns: number): string {
  const doing = columns < 60 ? (task.phase === 'download' ? 'get' : 'put') : DOING[task.phase].padEnd(11);
  const label = printable(task.label).slice(0, columns < 60 ? 8 : 32);
  const amount = amountOf(task);
  const line = `${doing} ${label}  ${amount}`;
  const width = columns - line.length - 10;
  if (task.total === undefined || task.total === 0 || width < 8) return line;
  const part = Math.min(1, task.done / task.total);
  const cells = Math.min(30, width);
  const filled = Math.round(part * cells);
  return `${line}  [${'='.repeat(filled)}${' '.repeat(cells - filled)}] ${String(Math.floor(part * 100)).padStart(3)}%`;
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
