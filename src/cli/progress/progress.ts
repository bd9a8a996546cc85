/** Which view of the progress a run gets. */

import { CtxsrcError } from '../../core/errors.ts';
import { type Flags, PROGRESS_MODES } from '../flags.ts';
import { type Io, isReadAloud } from '../io.ts';
import { type MessageChoice, messageLine } from './messages.ts';
import { plainView } from './plain.ts';
import type { LineSink, Reporter } from './reporter.ts';

/**
 * `--progress`, else `BUILDKIT_PROGRESS`, else `auto`: a live view for a person at a terminal, plain lines elsewhere.
 * `--quiet` shows only errors. The view is made when there is something to show; the live view is loaded only for a
 * terminal, and what the logs of CI systems understand only there.
 */
export async function createReporter(flags: Flags, io: Io): Promise<Reporter> {
  const verbose = (flags.verbose as number | undefined) ?? 0;
  const isCi = Boolean(io.env.GITHUB_ACTIONS || io.env.GITLAB_CI);
  const lines = async (choice: MessageChoice): Promise<Reporter> => {
    const make = (stream: LineSink): Reporter =>
      choice.level === 'note' ? whenNeeded(() => plainView(stream, verbose)) : messagesOnly(stream, choice);
    if (isCi) return (await import('../ci/log-view.ts')).logView(io, choice, make);
    return make({ write: (text) => io.stderr.write(text) });
  };
  if (flags.quiet === true) return lines({ level: 'none', verbose: 0 });
  const wanted = (flags.progress as string | undefined) ?? (io.env.BUILDKIT_PROGRESS || 'auto');
  const liveView = async (): Promise<() => Reporter> => {
    const { LiveView } = await import('./live.ts');
    return () => new LiveView(io, verbose, flags.color);
  };
  switch (wanted) {
    case 'auto': {
      const plain = await lines({ level: 'note', verbose });
      if (isCi || !mayBeForPerson(io)) return plain;
      const live = await liveView();
      return whenNeeded(() => (io.stderr.isTTY ? live() : plain));
    }
    case 'none':
    case 'quiet':
      return lines({ level: 'warning', verbose });
    case 'rawjson':
      return (await import('./raw-json.ts')).rawJson(io);
    case 'plain':
      return lines({ level: 'note', verbose });
    case 'tty':
      return whenNeeded(await liveView());
    default:
      throw new CtxsrcError('E_USAGE', `BUILDKIT_PROGRESS is ${JSON.stringify(wanted)}`, {
        hint: `it takes ${PROGRESS_MODES.join(', ')}`,
      });
  }
}

function whenNeeded(make: () => Reporter): Reporter {
  let view: Reporter | undefined;
  return {
    emit(event) {
      view ??= make();
      view.emit(event);
    },
    makeRoom: () => view?.makeRoom?.(),
    close: () => view?.close?.(),
  };
}

/** Notes, warnings and, with -v, requests as lines; tasks are not shown. */
function messagesOnly(stream: LineSink, choice: MessageChoice): Reporter {
  return {
    emit(event) {
      const line = messageLine(event, choice);
      if (line !== undefined) stream.write(`${line}\n`);
    },
  };
}

/** True if stderr may be a terminal that can move its cursor, and whoever reads it may see that. */
function mayBeForPerson(io: Io): boolean {
  // Using the stream would load its code; a pipe or a file is recognised without it.
  return !io.env.CI && io.env.TERM !== 'dumb' && !isReadAloud(io.env) && io.mayShow();
}
