import { monotonicMs } from '../../core/monotonic.ts';
import { printable } from '../../core/printable.ts';
import type { ProgressEvent } from '../../core/progress.ts';
import { formatDuration, formatTimeLeft } from '../format.ts';
import { MessageWriter } from './messages.ts';
import { TimesLeft } from './rate.ts';
import type { LineSink, Reporter } from './reporter.ts';
import { amountOf, isTransfer, percent, quantity, type RunningTask, TaskTable, VERBS } from './tasks.ts';

/** A CI system takes silence for a hang: while work goes on, there is a line at least this often. */
const SILENCE_MS = 15_000;
/** Faster steps get no line, except downloads and layers. */
const WORTH_A_LINE_MS = 2_000;

/** One line for each finished piece of work that is long enough, and a sign of life every 15 seconds. */
export class PlainView implements Reporter {
  readonly #stream: LineSink;
  readonly #messages: MessageWriter;
  readonly #tasks = new TaskTable();
  readonly #left = new TimesLeft();
  readonly #timer: NodeJS.Timeout;
  #lastLine = monotonicMs();

  constructor(stream: LineSink, options: { verbose: number }) {
    this.#stream = stream;
    this.#messages = new MessageWriter(stream, { level: 'note', verbose: options.verbose });
    this.#timer = setInterval(() => this.#breakSilence(), 1_000);
    this.#timer.unref();
  }

  emit(event: ProgressEvent): void {
    const finished = this.#tasks.apply(event);
    if (finished !== undefined) this.#finished(finished);
    const line = this.#messages.lineOf(event);
    if (line !== undefined) this.#write(line);
  }

  makeRoom(): void {}

  close(): void {
    clearInterval(this.#timer);
  }

  #finished(task: RunningTask): void {
    const took = monotonicMs() - task.since;
    // A single layer has its own line. A copy is mostly very fast.
    const isWorth = task.phase !== 'copy' && (task.unit === 'layers' ? task.total !== 1 : isTransfer(task));
    if (took < WORTH_A_LINE_MS && !isWorth) return;
    this.#write(`${VERBS[task.phase].done} ${title(task)}${amount(task)} in ${formatDuration(took)}`);
  }

  #breakSilence(): void {
    const overall = this.#tasks.overall();
    const left = overall && this.#left.of(overall.id, overall.part);
    const pieces = [...this.#tasks.running.values()].filter(({ unit }) => unit !== 'layers');
    const [first = this.#tasks.images()[0]] = pieces;
    if (first === undefined || monotonicMs() - this.#lastLine < SILENCE_MS) return;
    const others = pieces.length <= 1 ? '' : ` (and ${pieces.length - 1} more)`;
    const progress = first.done === 0 && first.files === 0 ? '' : `, ${amountOf(first, ' of ')}`;
    const share = overall?.part === undefined ? '' : `; ${percent(overall.part)} done`;
    const remaining = left === undefined ? '' : `, ${formatTimeLeft(left)} left`;
    this.#write(`still ${VERBS[first.phase].doing} ${title(first)}${progress}${others}${share}${remaining}`);
  }

  #write(line: string): void {
    this.#lastLine = monotonicMs();
    this.#stream.write(`${line}\n`);
  }
}

function title({ label, layer, layers }: RunningTask): string {
  return layer === undefined ? printable(label) : `${printable(label)}, ${layer} of ${layers}`;
}

/** The finished amount of a task. The task of all layers has it in its name. */
function amount(task: RunningTask): string {
  const { unit, total, done, files } = task;
  const all = total ?? done;
  if (unit === 'layers' || (all === 0 && files === 0)) return '';
  return ` (${quantity(all, unit)}${files === 0 ? '' : `, ${quantity(files, 'files')}`})`;
}
