import { printable } from '../../core/printable.ts';
import type { ProgressEvent } from '../../core/progress.ts';

/** Which messages are shown: those of a level and above, and with -v requests as well. */
export interface MessageChoice {
  readonly level: 'none' | 'warning' | 'note';
  readonly verbose: number;
}

/** The line of a message or request; undefined if the event is none, or is not shown. */
export function messageLine(event: ProgressEvent, { level: least, verbose }: MessageChoice): string | undefined {
  if (event.type === 'request') {
    if (verbose < 1) return undefined;
    const outcome = event.error ?? `${event.status ?? '-'}`;
    const bytes = event.bytes === undefined ? '' : `, ${event.bytes} bytes`;
    return printable(`${event.method} ${event.url} ${outcome} (${Math.round(event.ms)} ms${bytes})`);
  }
  if (event.type !== 'message') return undefined;
  const { level } = event;
  const shown = { warning: least !== 'none', note: least === 'note', verbose: verbose >= 1, debug: verbose >= 2 };
  if (!shown[level]) return undefined;
  const hint = event.hint === undefined ? '' : `\nhint: ${printable(event.hint)}`;
  return `${level === 'verbose' ? '' : `${level}: `}${printable(event.text)}${hint}`;
}
