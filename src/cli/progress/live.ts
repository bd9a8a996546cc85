/**
 * The live view for a person at a terminal: one line for each layer in progress and one for all of them, redrawn in
 * place; a single step is an ora spinner. The cursor is restored on every exit, and the view is erased before the
 * answer.
 */
import type { Ora } from 'ora';
import { formatDuration } from '../../core/format.ts';
import { monotonicMs } from '../../core/monotonic.ts';
import type { ProgressEvent } from '../../core/progress.ts';
import type { Io } from '../io.ts';
import { messageLines, screenOf, takesColor } from '../screen.ts';
import { stepText, summaryLine, taskLines } from './lines.ts';
import { messageLine } from './messages.ts';
import { Rates, TimesLeft } from './rate.ts';
import type { Reporter } from './reporter.ts';
import { movedText, type RunningTask, TaskTable } from './tasks.ts';

const FRAME_MS = 100;
/** A step that ends sooner (ms) is not shown. */
const DELAY_MS = 200;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const ERASE_BELOW = '\u001b[J';

export class LiveView implements Reporter {
  readonly #stream: NodeJS.WriteStream;
  readonly #env: Io['env'];
  readonly #verbose: number;
  readonly #tasks = new TaskTable();
  readonly #color: boolean;
  readonly #start = monotonicMs();
  readonly #timer: NodeJS.Timeout;
  #drawn: readonly string[] = [];
  #drawnColumns = 0;
  #summedUp = '';
  #cursorHidden = false;
  #closed = false;
  #spinner: Ora | 'loading' | undefined;
  readonly #rates = new Rates();
  readonly #left = new TimesLeft();

  /** @param colorFlag `--color` or `--no-color` */
  constructor({ stderr, env }: Io, verbose: number, colorFlag: unknown) {
    this.#stream = stderr;
    this.#env = env;
    this.#color = takesColor(stderr.isTTY, env, colorFlag);
    this.#verbose = verbose;
    this.#timer = setInterval(() => this.#frame(), FRAME_MS);
    this.#timer.unref();
    process.once('exit', this.#restore);
  }

  emit(event: ProgressEvent): void {
    this.#tasks.apply(event);
    const line = messageLine(event, { level: 'note', verbose: this.#verbose });
    if (line === undefined) return;
    this.#wipe();
    const screen = screenOf(this.#stream, this.#env, undefined);
    this.#stream.write(`${event.type === 'message' ? messageLines(screen, line) : line}\n`);
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

  /** Prints one permanent line with the amounts. Repeated only if there is more. */
  #sumUp(): void {
    const text = movedText(this.#tasks.moved);
    if (text === this.#summedUp) return;
    this.#summedUp = text;
    this.#stream.write(`${text} in ${formatDuration(monotonicMs() - this.#start)}\n`);
  }

  readonly #restore = (): void => {
    if (this.#cursorHidden) this.#stream.write(SHOW_CURSOR);
    this.#cursorHidden = false;
  };

  #frame(): void {
    const now = monotonicMs();
    const isShown = (task: RunningTask): boolean => now - task.since >= DELAY_MS;
    const begun = this.#tasks.pieces().filter(isShown);
    // Waiting tasks are distinguished from stalled ones only while others progress.
    const moving = begun.filter(({ done, files }) => done > 0 || files > 0);
    const pieces = moving.length > 0 ? moving : begun;
    // The task that began last is the current step.
    const step = [...this.#tasks.running.values()].findLast(isShown);
    // Between two layers the line for all of them stays.
    if (pieces.length > 0 || this.#tasks.images().some(isShown)) {
      this.#stopSpinner();
      this.#draw(this.#lines(pieces));
    } else if (step !== undefined) {
      this.#erase();
      this.#spin(step);
    } else {
      this.#wipe();
    }
  }

  #lines(pieces: readonly RunningTask[]): string[] {
    const columns = this.#stream.columns || 80;
    const rows = Math.max(2, (this.#stream.rows || 24) - 1);
    const shown = pieces.slice(0, rows - 1);
    const overall = this.#tasks.overall();
    const summary = {
      overall,
      moved: this.#tasks.moved,
      hidden: pieces.length - shown.length,
      took: monotonicMs() - this.#start,
      left: overall && this.#left.of(overall.id, overall.part),
    };
    const lines = taskLines(shown, (task) => this.#rates.of(task.id, task.done), columns);
    return [...lines, summaryLine(summary, columns)].map((line) => line.slice(0, columns - 1));
  }

  #draw(lines: readonly string[]): void {
    const hide = this.#cursorHidden ? '' : HIDE_CURSOR;
    this.#cursorHidden = true;
    // One write per frame, and each line is overwritten before its rest is erased: nothing flickers.
    const body = lines.map((line) => `${line}\u001b[K\n`).join('');
    // When a terminal becomes wider, it joins the rows of a wrapped line, unless they were erased as a whole.
    const columns = this.#stream.columns || 80;
    const erase = columns === this.#drawnColumns ? '' : ERASE_BELOW;
    this.#stream.write(`${hide}${this.#upToFirst()}${erase}${body}${ERASE_BELOW}`);
    this.#drawn = lines;
    this.#drawnColumns = columns;
  }

  /** Moves to the first line of the view. A terminal that became narrower has wrapped lines into several rows. */
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
    const text = stepText(task, this.#left.of(task.id, task.part), (this.#stream.columns || 80) - 4);
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

/** Without its spinner a step is just not shown. */
const ignore = (): void => undefined;
