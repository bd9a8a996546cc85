/** One instruction, split into its name, its flags and its words, with nothing checked but the form. */

import { trimGoSpace } from '../../core/go/text.ts';
import type { Escape } from '../expand/lexer.ts';
import { DockerfileProblem } from '../problem.ts';
import { splitFlags } from './flags.ts';
import type { Heredoc, Lines } from './instruction.ts';
import { cutAtBlanks, splitAtBlanks } from './text.ts';
import { jsonWords, quotedWords } from './words.ts';

export interface Statement {
  /** As it was written: `from`. */
  readonly name: string;
  /** The joined line. */
  readonly text: string;
  readonly flags: readonly string[];
  readonly words: readonly string[];
  /** The words come from a JSON array. */
  readonly json: boolean;
  /** What ONBUILD stands before. */
  readonly trigger: StatementLine | undefined;
  readonly heredocs: readonly Heredoc[];
  readonly lines: Lines;
  readonly comments: readonly string[];
}

/** What a line says on its own; its place is added by the reader of lines. */
export type StatementLine = Omit<Statement, 'heredocs' | 'lines' | 'comments'>;

/**
 * Splits one joined line by the rules of its instruction.
 * @throws DockerfileProblem
 */
export function statementOf(line: string, escapeMark: Escape): StatementLine {
  const [name, args = ''] = cutAtBlanks(trimGoSpace(line));
  const { flags, rest } = splitFlags(args, escapeMark);
  return { name, text: line, flags, ...wordsOf(name, trimGoSpace(rest), escapeMark) };
}

type Words = Pick<Statement, 'words' | 'json' | 'trigger'>;

function wordsOf(name: string, rest: string, escapeMark: Escape): Words {
  switch (instructionName(name)) {
    case 'RUN':
    case 'CMD':
    case 'ENTRYPOINT':
    case 'SHELL':
      return commandWords(rest);
    case 'COPY':
    case 'ADD':
    case 'VOLUME': {
      const words = jsonWords(rest);
      return words === undefined ? plain(splitAtBlanks(rest)) : { ...plain(words), json: true };
    }
    case 'FROM':
    case 'EXPOSE':
      return plain(splitAtBlanks(rest));
    case 'ARG':
      return plain(quotedWords(rest, escapeMark));
    case 'ENV':
    case 'LABEL':
      return plain(pairWords(rest, escapeMark));
    case 'HEALTHCHECK': {
      const [type, command = ''] = cutAtBlanks(rest);
      if (type === '') return plain([]);
      const words = commandWords(command);
      return { ...words, words: [type, ...words.words] };
    }
    case 'ONBUILD':
      return { ...plain([]), trigger: rest === '' ? undefined : triggerOf(rest, escapeMark) };
    default:
      return plain(rest === '' ? [] : [rest]);
  }
}

function triggerOf(rest: string, escapeMark: Escape): StatementLine {
  // Refused here already, so that a line of thousands cannot exhaust the stack.
  if (instructionName(cutAtBlanks(rest)[0]) === 'ONBUILD') {
    throw new DockerfileProblem('ONBUILD is no trigger', 'write ONBUILD once');
  }
  return statementOf(rest, escapeMark);
}

/** The name in upper case, as messages show it. */
export function instructionName(name: string): string {
  return name.toLowerCase().toUpperCase();
}

function plain(words: readonly string[]): Words {
  return { words, json: false, trigger: undefined };
}

function commandWords(rest: string): Words {
  const words = rest === '' ? undefined : jsonWords(rest);
  if (words !== undefined) return { ...plain(words), json: true };
  return plain(rest === '' ? [] : [rest]);
}

/** ENV and LABEL: names and values in turn. If the first word has no `=`, the rest of the line is one value. */
function pairWords(rest: string, escapeMark: Escape): readonly string[] {
  const words = quotedWords(rest, escapeMark);
  if (words.length === 0) return [];
  if (!words[0]!.includes('=')) {
    const [name, value] = cutAtBlanks(rest);
    if (value === undefined) throw new DockerfileProblem('there is a name and no value', 'write NAME=VALUE');
    return [name, value];
  }
  return words.flatMap((word) => {
    const equals = word.indexOf('=');
    if (equals === -1) {
      throw new DockerfileProblem('a word has no =', 'write NAME=VALUE for each, and quote values with blanks');
    }
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}
