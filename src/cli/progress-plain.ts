import { monotonicMs } from '../core/monotonic.ts';
import { printable } from '../core/printable.ts';
import type { ProgressEvent } from '../core/progress.ts';
import { formatDuration } from './format.ts';
import { MessageWriter } from './progress-messages.ts';
import { DOING, DONE, isTransfer, quantity, type RunningTask, TaskTable } from './progress-tasks.ts';
import type { LineSink, Reporter } from './reporter.ts';

/** A CI system takes silence for a hang: while there is work, a line comes at least this often. */
const SILENCE_MS = 15_000;
/** Steps quicker than this are not worth a line, downloads and layers aside. */
const WORTH_A_LINE_MS = 2_000;

/** One line for each piece of work that is worth it, when it is done; and a sign of life every 15 seconds. */
export class PlainView implements Reporter {
  readonly #stream: LineSink;
  readonly #messages: MessageWriter;
  readonly #tasks = new TaskTable();
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
    if (event.type !== 'message' && event.type !== 'request') return;
    const line = this.#messages.lineOf(event);
    if (line !== undefined) this.#write(line);
  }

  makeRoom(): void {}

  close(): void {
    clearInterval(this.#timer);
  }

  #finished(task: RunningTask): void {
    const took = monotonicMs() - task.since;
    if (took < WORTH_A_LINE_MS && !isTransfer(task)) return;
    this.#write(
      `${DONE[task.phase]} ${printable(task.label)}${amount(task.total ?? task.done, task.unit)} in ${formatDuration(took)}`,
    );
  }

  #breakSilence(): void {
    if (this.#tasks.running.size === 0 || monotonicMs() - this.#lastLine < SILENCE_MS) return;
    const [first] = this.#tasks.running.values();
    if (first === undefined) return;
    const total = first.total === undefined ? '' : ` of ${quantity(first.total, first.unit)}`;
    const others = this.#tasks.running.size === 1 ? '' : ` (and ${this.#tasks.running.size - 1} more)`;
    const progress = first.done === 0 ? '' : `, ${quantity(first.done, first.unit)}${total}`;
    this.#write(`still ${DOING[first.phase]} ${printable(first.label)}${progress}${others}`);
  }

  #write(line: string): void {
    this.#lastLine = monotonicMs();
    this.#stream.write(`${line}\n`);
  }
}

const amount = (value: number, unit: 'bytes' | 'files'): string => (value === 0 ? '' : ` (${quantity(value, unit)})`);
