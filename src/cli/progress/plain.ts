import { formatDuration, formatTimeLeft } from '../../core/format.ts';
import { monotonicMs } from '../../core/monotonic.ts';
import { printable } from '../../core/printable.ts';
import { messageLine } from './messages.ts';
import { TimesLeft } from './rate.ts';
import type { LineSink, Reporter } from './reporter.ts';
import { amountOf, isTransfer, percent, quantity, type RunningTask, TaskTable, VERBS } from './tasks.ts';

/** A CI system takes silence for a hang: while work goes on, there is a line at least this often. */
const SILENCE_MS = 15_000;
/** Faster steps get no line, except downloads and layers. */
const WORTH_A_LINE_MS = 2_000;

/** One line for each finished piece of work that is long enough, and a sign of life every 15 seconds. */
export function plainView(stream: LineSink, verbose: number): Reporter {
  const tasks = new TaskTable();
  const timesLeft = new TimesLeft();
  let lastLine = monotonicMs();

  const write = (line: string): void => {
    lastLine = monotonicMs();
    stream.write(`${line}\n`);
  };

  const finished = (task: RunningTask): void => {
    const took = monotonicMs() - task.since;
    // A single layer has its own line. A copy is mostly very fast.
    const isWorth = task.phase !== 'copy' && (task.unit === 'layers' ? task.total !== 1 : isTransfer(task));
    if (took < WORTH_A_LINE_MS && !isWorth) return;
    write(`${VERBS[task.phase].done} ${title(task)}${amount(task)} in ${formatDuration(took)}`);
  };

  const breakSilence = (): void => {
    const overall = tasks.overall();
    const left = overall && timesLeft.of(overall.id, overall.part);
    const pieces = [...tasks.running.values()].filter(({ unit }) => unit !== 'layers');
    const [first = tasks.images()[0]] = pieces;
    if (first === undefined || monotonicMs() - lastLine < SILENCE_MS) return;
    const others = pieces.length <= 1 ? '' : ` (and ${pieces.length - 1} more)`;
    const progress = first.done === 0 && first.files === 0 ? '' : `, ${amountOf(first, ' of ')}`;
    const share = overall?.part === undefined ? '' : `; ${percent(overall.part)} done`;
    const remaining = left === undefined ? '' : `, ${formatTimeLeft(left)} left`;
    write(`still ${VERBS[first.phase].doing} ${title(first)}${progress}${others}${share}${remaining}`);
  };

  const timer = setInterval(breakSilence, 1_000).unref();
  return {
    emit(event) {
      const done = tasks.apply(event);
      if (done !== undefined) finished(done);
      const line = messageLine(event, { level: 'note', verbose });
      if (line !== undefined) write(line);
    },
    close: () => clearInterval(timer),
  };
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
