/** Text from outside in Markdown as GitHub reads it. */
import { printable } from '../core/printable.ts';

/** Every character that Markdown or HTML gives a meaning as an entity; what looks like an address becomes no link. */
export function markdownText(text: string): string {
  return printable(text)
    .replace(/[^\p{L}\p{N} :;/.,()+→-]/gu, (character) => `&#${character.codePointAt(0)};`)
    .replaceAll('://', '&#58;//')
    .replace(/(www)\./gi, '$1&#46;');
}

/**
 * Text in a code span, where it can be no link, no mention and no markup: the fence is longer than any in the text. In
 * tables a `|` ends a cell even there, and a backslash before it would undo its escape.
 */
export function markdownCode(text: string): string {
  const shown = printable(text)
    .replace(/\\(?=\\*\|)/g, '\\x5c')
    .replaceAll('|', '\\|');
  const longest = Math.max(0, ...(shown.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  const space = longest > 0 ? ' ' : '';
  return `${fence}${space}${shown}${space}${fence}`;
}
