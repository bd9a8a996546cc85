import { printable } from '../../core/printable.ts';
import type { Progress, ProgressEvent } from '../../core/progress.ts';
import type { LineSink } from './reporter.ts';

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
    const line = this.lineOf(event);
    if (line !== undefined) this.#stream.write(`${line}\n`);
  }

  /** The line of a message or request; undefined if the event is none, or is not shown. */
  lineOf(event: ProgressEvent): string | undefined {
    if (event.type === 'request') {
      if (this.#verbose < 1) return undefined;
      const outcome = event.error ?? `${event.status ?? '-'}`;
      const bytes = event.bytes === undefined ? '' : `, ${event.bytes} bytes`;
      return printable(`${event.method} ${event.url} ${outcome} (${Math.round(event.ms)} ms${bytes})`);
    }
    if (event.type !== 'message') return undefined;
    const { level } = event;
    const shown = {
      warning: this.#least !== 'none',
      note: this.#least === 'note',
      verbose: this.#verbose >= 1,
      debug: this.#verbose >= 2,
    };
    if (!shown[level]) return undefined;
    const hint = event.hint === undefined ? '' : `\nhint: ${printable(event.hint)}`;
    return `${level === 'verbose' ? '' : `${level}: `}${printable(event.text)}${hint}`;
  }

  makeRoom(): void {}

  close(): void {}
}
