/** Which view of the progress a run gets. */

import { CtxsrcError } from '../core/errors.ts';
import { type Flags, PROGRESS_MODES } from './flags.ts';
import type { Io } from './io.ts';
import { LiveView } from './progress-live.ts';
import { MessageWriter } from './progress-messages.ts';
import { PlainView } from './progress-plain.ts';
import type { Reporter } from './reporter.ts';

/**
 * `--progress`, else `BUILDKIT_PROGRESS`, else `auto`: a live view for a person at a terminal, plain lines elsewhere.
 * `--quiet` shows nothing but errors.
 */
export function createReporter(flags: Flags, io: Io): Reporter {
  const verbose = (flags.verbose as number | undefined) ?? 0;
  if (flags.quiet === true) return new MessageWriter(io.stderr, { level: 'none', verbose: 0 });
  const wanted = (flags.progress as string | undefined) ?? (io.env.BUILDKIT_PROGRESS || 'auto');
  const mode = wanted === 'auto' ? (io.stderr.isTTY && !io.env.CI && io.env.TERM !== 'dumb' ? 'tty' : 'plain') : wanted;
  switch (mode) {
    case 'none':
    case 'quiet':
      return new MessageWriter(io.stderr, { level: 'warning', verbose });
    case 'rawjson':
      return rawJson(io);
    case 'plain':
      return new PlainView(io.stderr, { verbose });
    case 'tty':
      return new LiveView(io.stderr, { verbose, color: usesColor(flags, io) });
    default:
      throw new CtxsrcError('E_USAGE', `BUILDKIT_PROGRESS is ${JSON.stringify(wanted)}`, {
        hint: `it takes ${PROGRESS_MODES.join(', ')}`,
      });
  }
}

/** `--no-color` and `NO_COLOR` say no, `FORCE_COLOR` says yes, else a terminal gets colours. */
function usesColor(flags: Flags, io: Io): boolean {
  if (flags.color === false || io.env.NO_COLOR) return false;
  return Boolean(io.env.FORCE_COLOR) || io.stderr.isTTY;
}

/** Every event as one line of JSON, with the milliseconds since the start. */
function rawJson(io: Io): Reporter {
  const start = performance.now();
  return {
    emit: (event) => {
      io.stderr.write(
        `${JSON.stringify({ schema: 'ctxsrc/v1', at: Math.round(performance.now() - start), ...event })}\n`,
      );
    },
    makeRoom: () => undefined,
    close: () => undefined,
  };
}
