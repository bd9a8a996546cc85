/** How a run speaks in the log of a CI system that knows folds (GitLab, GitHub) and annotations (GitHub). */
import type { Variables } from '../../core/home.ts';
import type { ProgressEvent } from '../../core/progress.ts';
import type { Io } from '../io.ts';
import { type MessageChoice, messageLine } from '../progress/messages.ts';
import type { LineSink, Reporter } from '../progress/reporter.ts';
import { type AnnotationKind, annotation, defused } from './workflow-commands.ts';

/** GitHub shows ten annotations of a kind for each step, and drops the rest: the tenth tells of them. */
const MOST_ANNOTATIONS = 9;

type Message = Extract<ProgressEvent, { type: 'message' }>;

/**
 * A view whose progress is folded away, and whose notes and warnings are annotations where GitHub reads the log.
 * @param make the view of progress, which writes to the sink
 */
export function logView(io: Io, choice: MessageChoice, make: (stream: LineSink) => Reporter): Reporter {
  const log = new CiLog(io);
  const inner = make({ write: (text) => log.progress(text) });
  return {
    emit(event) {
      const isForPeople = event.type === 'message' && (event.level === 'note' || event.level === 'warning');
      if (!isForPeople) return inner.emit(event);
      const line = messageLine(event, choice);
      if (line !== undefined) log.message(event, line);
    },
    makeRoom() {
      inner.makeRoom?.();
      log.endFold();
    },
    close() {
      inner.close?.();
      log.close();
    },
  };
}

class CiLog {
  readonly #io: Io;
  readonly #env: Variables;
  readonly #isGithub: boolean;
  readonly #counts: Record<AnnotationKind, number> = { notice: 0, warning: 0, error: 0 };
  #folds = 0;
  #isFolded = false;

  constructor(io: Io) {
    this.#io = io;
    this.#env = io.env;
    this.#isGithub = Boolean(io.env.GITHUB_ACTIONS);
  }

  /** A line that few people read. */
  progress(text: string): void {
    if (!this.#isFolded) this.#beginFold();
    this.#write(this.#isGithub ? defused(text) : text);
  }

  /** A note or a warning stands outside of folds. */
  message(message: Message, line: string): void {
    this.endFold();
    const kind = message.level === 'warning' ? 'warning' : 'notice';
    this.#counts[kind] += 1;
    const hint = message.hint === undefined ? [] : [`hint: ${message.hint}`];
    if (!this.#isGithub) this.#write(`${line}\n`);
    else if (this.#counts[kind] > MOST_ANNOTATIONS) this.#write(`${defused(line)}\n`);
    else this.#write(`${annotation(kind, [message.text, ...hint], { env: this.#env, at: message.place })}\n`);
  }

  close(): void {
    this.endFold();
    if (!this.#isGithub) return;
    for (const kind of ['notice', 'warning'] as const) {
      const more = this.#counts[kind] - MOST_ANNOTATIONS;
      this.#counts[kind] = 0;
      const text = `ctxsrc: and ${more} more ${more === 1 ? kind : `${kind}s`}: the log of the step has them all`;
      if (more > 0) this.#write(`${annotation(kind, [text], { env: this.#env, at: undefined })}\n`);
    }
  }

  #beginFold(): void {
    this.#isFolded = true;
    this.#folds += 1;
    const title = 'ctxsrc: progress';
    this.#write(
      this.#isGithub ? `::group::${title}\n` : `${this.#section('start')}[collapsed=true]\r\x1b[0K${title}\n`,
    );
  }

  endFold(): void {
    if (!this.#isFolded) return;
    this.#isFolded = false;
    this.#write(this.#isGithub ? '::endgroup::\n' : `${this.#section('end')}\r\x1b[0K\n`);
  }

  /** GitLab pairs the lines by a name that no other section of the job may have. */
  #section(edge: 'start' | 'end'): string {
    return `\x1b[0Ksection_${edge}:${Math.floor(Date.now() / 1_000)}:ctxsrc_${process.pid}_${this.#folds}`;
  }

  #write(text: string): void {
    this.#io.stderr.write(text);
  }
}
