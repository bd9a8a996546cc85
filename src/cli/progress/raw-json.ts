import { monotonicMs } from '../../core/monotonic.ts';
import { printableJson } from '../../core/printable.ts';
import type { Io } from '../io.ts';
import type { Reporter } from './reporter.ts';

/** Every event as one line of JSON, with the milliseconds since the start. */
export function rawJson(io: Io): Reporter {
  const start = monotonicMs();
  return {
    emit: (event) => {
      const line = JSON.stringify({ schema: 'ctxsrc/v1', at: Math.round(monotonicMs() - start), ...event });
      io.stderr.write(`${printableJson(line)}\n`);
    },
  };
}
