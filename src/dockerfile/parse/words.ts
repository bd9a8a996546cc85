/** How the rest of an instruction's line becomes words. */

import { JsonProblem, parseGoJson } from '../../core/go/json-parse.ts';
import { isGoSpace } from '../../core/go/text.ts';
import type { Escape } from '../expand/lexer.ts';
import { DockerfileProblem } from '../problem.ts';

/** Words as ARG, ENV and LABEL have them: quotes keep blanks together, quotes and escapes stay. */
export function quotedWords(text: string, escapeMark: Escape): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    if (quote === undefined && isGoSpace(character)) {
      if (word !== undefined && word !== '') words.push(word);
      word = undefined;
      continue;
    }
    word ??= '';
    // Between single quotes nothing is escaped.
    if (character === escapeMark && quote !== "'") {
      // An escape character at the end is dropped.
      if (at + 1 < text.length) word += character + text[at + 1]!;
      at += 1;
      continue;
    }
    if (quote === undefined && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = undefined;
    word += character;
  }
  if (word !== undefined && word !== '') words.push(word);
  return words;
}

/**
 * The strings of a JSON array; undefined for what is no JSON array, which is then read in another way.
 * @throws DockerfileProblem for an array that holds something else
 */
export function jsonWords(text: string): readonly string[] | undefined {
  let start = 0;
  while (start < text.length && isGoSpace(text[start]!)) start += 1;
  if (text[start] !== '[') return undefined;
  let array: unknown;
  try {
    array = parseGoJson(Buffer.from(text.slice(start), 'utf8'));
  } catch (error) {
    if (error instanceof JsonProblem) return undefined;
    throw error;
  }
  const items = array as readonly unknown[];
  if (!items.every((item) => typeof item === 'string')) {
    throw new DockerfileProblem('the JSON array holds something that is no string', 'write ["word", "word"]');
  }
  return items;
}
