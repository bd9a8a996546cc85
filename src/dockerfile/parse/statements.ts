/** From the text of a Dockerfile to its instructions: directives, comments, continuation lines, here-documents. */

import { trimGoSpace, trimGoSpaceStart } from '../../core/go/text.ts';
import { dockerfileError, type ErrorPlace, at as placed } from '../error.ts';
import type { Escape } from '../expand/lexer.ts';
import { DockerfileProblem } from '../problem.ts';
import { DirectiveReader } from './directives.ts';
import { type HeredocWord, heredocsOfLine } from './heredoc.ts';
import type { Dockerfile, Heredoc, Lines } from './instruction.ts';
import { instructionName, type Statement, type StatementLine, statementOf } from './statement.ts';

export interface Statements extends Pick<Dockerfile, 'escape' | 'brokenByEmptyLines'> {
  readonly statements: readonly Statement[];
}

/** The operations of more do not fit into a message either. */
const MAX_INSTRUCTIONS = 120_000;

/** What to do about a file that is too large. */
export const LARGER = 'the messages of BuildKit hold no more: COPY scripts and data from files';

/** The place that an error names, for a line of the text. */
type PlaceOf = (line: number, instruction?: string) => ErrorPlace;

/**
 * @param text as `textOf` gives it
 * @throws CtxsrcError `E_DOCKERFILE`
 */
export function readStatements(text: string, placeOf: PlaceOf): Statements {
  return new StatementReader(text, placeOf).read();
}

class StatementReader {
  readonly #place: PlaceOf;
  readonly #lines: readonly string[];
  readonly #directives = new DirectiveReader('#');
  readonly #brokenByEmptyLines: Lines[] = [];
  #escape: Escape = '\\';
  /** Number of lines that were read. */
  #read = 0;

  constructor(text: string, placeOf: PlaceOf) {
    this.#place = placeOf;
    const lines = text.replace(/^\ufeff/, '').split('\n');
    if (lines.at(-1) === '') lines.pop();
    this.#lines = lines;
  }

  read(): Statements {
    const statements: Statement[] = [];
    let comments: string[] = [];
    while (this.#read < this.#lines.length) {
      const line = this.#lines[this.#read]!;
      this.#read += 1;
      if (this.#isDirective(line)) continue;
      if (isComment(line)) {
        const comment = trimGoSpace(line.slice(1)).toWellFormed();
        if (comment === '') comments = [];
        else comments.push(comment);
      } else if (trimGoSpace(line) !== '') {
        statements.push({ ...this.#statement(line), comments });
        if (statements.length > MAX_INSTRUCTIONS) {
          const text = `there are more than ${MAX_INSTRUCTIONS} instructions`;
          throw dockerfileError(this.#place(this.#read), text, LARGER);
        }
        comments = [];
      }
    }
    if (statements.length === 0) {
      throw dockerfileError(this.#place(Math.max(1, this.#read)), 'there is no instruction', 'begin with FROM IMAGE');
    }
    return { statements, escape: this.#escape, brokenByEmptyLines: this.#brokenByEmptyLines };
  }

  #isDirective(line: string): boolean {
    return placed(this.#place(this.#read), () => {
      const directive = this.#directives.read(trimGoSpaceStart(withoutReturns(line)));
      if (directive?.name === 'escape') {
        if (directive.value !== '\\' && directive.value !== '`') {
          throw new DockerfileProblem('the directive escape has another value than \\ and `', 'write # escape=\\ or `');
        }
        this.#escape = directive.value;
      }
      return directive !== undefined;
    });
  }

  /** The instruction that begins on this line. */
  #statement(begin: string): Omit<Statement, 'comments'> {
    const first = this.#read;
    let { text, continued } = this.#cutContinuation(trimGoSpaceStart(withoutReturns(begin)));
    const parts = [text];
    let emptyLine = false;
    while (continued && this.#read < this.#lines.length) {
      const line = this.#lines[this.#read]!;
      this.#read += 1;
      if (isComment(line)) continue;
      if (trimGoSpace(line) === '') {
        emptyLine = true;
        continue;
      }
      ({ text, continued } = this.#cutContinuation(withoutReturns(line)));
      parts.push(text);
    }
    if (emptyLine) this.#brokenByEmptyLines.push({ first, last: this.#read });
    const joined = parts.join('').toWellFormed();
    const name = instructionName(/^[^\t\v\f\r ]*/.exec(joined)![0]);
    return placed(this.#place(first, name), () => {
      const statement = statementOf(joined, this.#escape);
      const words = takesHeredocs(statement) ? heredocsOfLine(joined) : [];
      const heredocs = words.map((word) => this.#heredoc(word));
      return { ...statement, heredocs, lines: { first, last: this.#read } };
    });
  }

  #heredoc(word: HeredocWord): Heredoc {
    const begin = this.#read;
    while (this.#read < this.#lines.length) {
      const line = withoutReturns(this.#lines[this.#read]!);
      this.#read += 1;
      if ((word.chomp ? line.replace(/^\t+/, '') : line) !== word.name) continue;
      const text = this.#lines.slice(begin, this.#read - 1).map((each) => `${each}\n`);
      return { ...word, text: text.join('') };
    }
    throw new DockerfileProblem('a here-document has no end', 'end it with a line that holds its name alone');
  }

  /** Takes the escape character off that continues a line; a doubled one at the end is text. */
  #cutContinuation(line: string): { text: string; continued: boolean } {
    let end = line.length;
    while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end -= 1;
    const continued = line[end - 1] === this.#escape && (end === 1 || line[end - 2] !== this.#escape);
    return { text: continued ? line.slice(0, end - 1) : line, continued };
  }
}

function isComment(line: string): boolean {
  return trimGoSpaceStart(line).startsWith('#');
}

function withoutReturns(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === '\r') end -= 1;
  return line.slice(0, end);
}

function takesHeredocs(statement: StatementLine): boolean {
  const command = statement.trigger ?? statement;
  return ['RUN', 'COPY', 'ADD'].includes(instructionName(command.name)) && !command.json;
}
