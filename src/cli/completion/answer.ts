/** The answer to a Tab: what `ctxsrc completion candidates` prints and the scripts of the shells read. */
import { printable } from '../../core/printable.ts';

/** One word that could stand at the cursor, whole. */
export interface Candidate {
  readonly text: string;
  /** A few words about it, for the shells that show them. */
  readonly description?: string | undefined;
}

/** What could stand at the cursor. */
export interface Completion {
  readonly words: readonly Candidate[];
  /** Paths that the shell itself is to offer too: it knows how to quote them. */
  readonly paths: 'none' | 'files' | 'directories';
  /** How many characters of the word stand before the path, as in `NAME=./path`. */
  readonly before: number;
}

export const NOTHING: Completion = { words: [], paths: 'none', before: 0 };
export const FILES: Completion = { ...NOTHING, paths: 'files' };
export const DIRECTORIES: Completion = { ...NOTHING, paths: 'directories' };

/** These words, and no paths. */
export function wordsOnly(words: readonly Candidate[]): Completion {
  return { ...NOTHING, words };
}

/** A completion of the end of a word, as one of the whole word. */
export function behind(start: string, { words, paths, before }: Completion): Completion {
  return {
    words: words.map((word) => ({ ...word, text: start + word.text })),
    paths,
    before: before + [...start].length,
  };
}

/**
 * Words that every shell takes as they are, wherever they came from: tags, names of files and of locked contexts are
 * chosen by strangers. What has another character in it is not offered, so nothing depends on a shell's quoting.
 */
const PLAIN_WORD = /^[A-Za-z0-9_./-][A-Za-z0-9_./:@%+=,-]*$/;

/** More than anybody reads. */
const MOST_WORDS = 1000;

/**
 * The text of an answer: which paths and what stands before them, then a line for each plain word that begins as `current`
 * does, with its description behind a tab.
 */
export function answerText({ words, paths, before }: Completion, current: string): string {
  const fitting = words.filter(({ text }) => text.startsWith(current) && PLAIN_WORD.test(text)).slice(0, MOST_WORDS);
  const lines = fitting.map(({ text, description = '' }) => `${text}\t${printable(description)}`);
  return `${[`${paths} ${before}`, ...lines].join('\n')}\n`;
}
