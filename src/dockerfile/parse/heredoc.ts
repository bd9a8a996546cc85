/** Here-documents: which words of a line begin one, and what such a word says. */
import { Lexer, type LexerOptions } from '../expand/lexer.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Heredoc } from './instruction.ts';

/** What `<<WORD` says, before its document is read. */
export type HeredocWord = Omit<Heredoc, 'text'>;

const MARK = /^[0-9]*<<(-?)[\t\n\f\r ]*/;

/** Nothing is expanded here, and the escape character is always `\`. */
const LINE: LexerOptions = { escape: '\\', quotes: 'keep', keepEscapes: true, keepUnset: true };
const QUOTED: LexerOptions = { escape: '\\', quotes: 'keep', keepEscapes: false, keepUnset: true };
const UNQUOTED: LexerOptions = { escape: '\\', quotes: 'remove', keepEscapes: false, keepUnset: true };

/**
 * What the word says of a here-document; undefined when it begins none.
 * @throws DockerfileProblem
 */
export function heredocWord(word: string): HeredocWord | undefined {
  const mark = MARK.exec(word);
  if (mark === null) return undefined;
  const rest = word.slice(mark[0].length);
  if (rest === '' || rest.includes('<')) return undefined;
  const [name, ...more] = split(rest, UNQUOTED);
  if (name === undefined || more.length > 0) return undefined;
  const [written, ...others] = split(rest, QUOTED);
  if (written === undefined || others.length > 0) throw new DockerfileProblem('a here-document has no single name');
  return { name, expand: quotes(name) === quotes(written), chomp: mark[1] === '-' };
}

/** The here-documents that a line begins, in their order. */
export function heredocsOfLine(line: string): readonly HeredocWord[] {
  // Most lines of a long Dockerfile begin none, and need not be split.
  if (line.indexOf('<') === line.lastIndexOf('<')) return [];
  return wordsOfLine(line).flatMap((word) => heredocWord(word) ?? []);
}

function wordsOfLine(line: string): readonly string[] {
  try {
    return split(line, LINE);
  } catch (error) {
    // A line that cannot be split, for instance because a quote is left open, is an ordinary command.
    if (error instanceof DockerfileProblem) return [];
    throw error;
  }
}

function split(text: string, options: LexerOptions): readonly string[] {
  return new Lexer(text, () => undefined, options).words();
}

function quotes(text: string): number {
  return text.match(/['"]/g)?.length ?? 0;
}

/** The document with the tabs taken off that begin its lines: what `<<-` asks for. */
export function withoutLeadingTabs(text: string): string {
  return text.replace(/(^|\n)\t+/g, '$1');
}
