/** The line at which the user pressed Tab, split into words as the shells do. Nothing in it is expanded or run. */

/** A line up to the cursor. */
export interface TypedLine {
  /** The words before the one at the cursor, without their quotes; the first is the program. */
  readonly words: readonly string[];
  /** The word at the cursor as typed, with quotes; empty after a blank. */
  readonly current: string;
}

/** A quoted part, an escaped character, or a run of others. */
const PART = /'[^']*'?|"(?:\\.|[^"\\])*"?|\\[\s\S]?|[^\s'"\\]+/y;

/** Splits a line at its unquoted blanks. */
export function splitLine(line: string): TypedLine {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && /\s/.test(line[at]!)) at += 1;
    const start = at;
    let word = '';
    for (let part = partAt(line, at); part !== undefined; part = partAt(line, at)) {
      word += unquoted(part);
      at += part.length;
    }
    if (at === line.length) return { words, current: line.slice(start) };
    words.push(word);
  }
}

function partAt(line: string, at: number): string | undefined {
  PART.lastIndex = at;
  return PART.exec(line)?.[0];
}

function unquoted(part: string): string {
  if (part.startsWith("'")) return part.replaceAll("'", '');
  if (part.startsWith('"')) return part.replace(/^"|"$/g, '').replace(/\\(["\\$`])/g, '$1');
  return part.startsWith('\\') ? part.slice(1) : part;
}
