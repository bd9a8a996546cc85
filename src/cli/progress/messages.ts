import { printable } from '../../core/printable.ts';
import type { Progress, ProgressEvent } from '../../core/progress.ts';
import type { LineSink } from './reporter.ts';

type Message = Extract<ProgressEvent, { type: 'message' | 'request' }>;

/** Notes, warnings and, with -v, requests as lines; tasks are not shown. */
export class MessageWriter implements Progress {
  readonly #stream: LineSink;
  readonly #least: 'none' | 'warning' | 'note';
  readonly #verbose: number;

  constructor(stream: LineSink, options: { level: 'none' | 'warning' | 'note'; verbose: number }) {
    this.#stream = stream;
    this.#least = options.level;
    this.#verbose = options.verbose;
  }

  emit(event: ProgressEvent): void {
    const line = event.type === 'message' || event.type === 'request' ? this.lineOf(event) : undefined;
    if (line !== undefined) this.#stream.write(`${line}\n`);
  }

  /** The line of a message; undefined if it is not shown. */
  lineOf(event: Message): string | undefined {
    if (event.type === 'request') {
      if (this.#verbose < 1) return undefined;
      const outcome = event.error ?? `${event.status ?? '-'}`;
      const bytes = event.bytes === undefined ? '' : `, ${event.bytes} bytes`;
      return printable(`${event.method} ${event.url} ${outcome} (${Math.round(event.ms)} ms${bytes})`);
    }
    const { level } = event;
    const shown =
      level === 'warning'
        ? this.#least !== 'none'
        : level === 'note'
          ? this.#least === 'note'
          : level === 'verbose'
            ? this.#verbose >= 1
            : this.#verbose >= 2;
    if (!shown) return undefined;
    const hint = event.hint === undefined ? '' : `\nhint: ${printable(event.hint)}`;
    return `${level === 'verbose' ? '' : `${level}: `}${printable(event.text)}${hint}`;
  }

  makeRoom(): void {}

  close(): void {}
}
