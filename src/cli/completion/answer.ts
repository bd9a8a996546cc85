/** The answer to a Tab: `ctxsrc completion candidates` prints it and the shells' scripts read it. */
import { printable } from '../../core/printable.ts';

/** One whole word that fits at the cursor. */
export interface Candidate {
  readonly text: string;
  /** A short description, for shells that show it. */
  readonly description?: string | undefined;
}

/** Everything that fits at the cursor. */
export interface Completion {
  readonly words: readonly Candidate[];
  /** Paths that the shell itself should offer, as it knows how to quote them. */
  readonly paths: 'none' | 'files' | 'directories';
  /** Number of characters of the word before the path, as in `NAME=./path`. */
  readonly before: number;
}

export const NOTHING: Completion = { words: [], paths: 'none', before: 0 };
export const FILE_PATHS: Completion = { ...NOTHING, paths: 'files' };
export const DIRECTORY_PATHS: Completion = { ...NOTHING, paths: 'directories' };

/** These words, and no paths. */
export function wordsOnly(words: readonly Candidate[]): Completion {
  return { ...NOTHING, words };
}

/** A completion of the end of a word as a completion of the whole word. */
export function behind(start: string, { words, paths, before }: Completion): Completion {
  return {
    words: words.map((word) => ({ ...word, text: start + word.text })),
    paths,
    before: before + [...start].length,
  };
}

/**
 * Words that every shell accepts unquoted. Tags, names of files and of locked contexts are chosen by strangers; words
 * with other characters are not offered, so that nothing depends on a shell's quoting.
 */
const PLAIN_WORD = /^[A-Za-z0-9_./-][A-Za-z0-9_./:@%+=,-]*$/;

/** More than anybody reads. */
const MOST_WORDS = 1000;

/**
 * The text of an answer: the kind of paths and the length before them, then a line for each plain word that begins with
 * `current`, with its description after a tab.
 */
export function answerText({ words, paths, before }: Completion, current: string): string {
  const fitting = words.filter(({ text }) => text.startsWith(current) && PLAIN_WORD.test(text)).slice(0, MOST_WORDS);
  const lines = fitting.map(({ text, description = '' }) => `${text}\t${printable(description)}`);
  return `${[`${paths} ${before}`, ...lines].join('\n')}\n`;
}
