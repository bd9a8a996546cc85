/** Names of files as lines of an answer. */
import { printable } from '../core/printable.ts';
import { type ByteString, bytesOfText, isUtf8, textOfBytes } from '../fs/byte-string.ts';

/** What GitHub Actions would take for a command of a workflow. */
const COMMAND = /^\s*::|##\[/;

/** GitHub Actions would take the line for a command of a workflow. */
export function looksLikeCommand(line: string): boolean {
  return COMMAND.test(line);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '"': '\\"',
  '\\': '\\\\',
};

/**
 * A name as git quotes it: as it is, or in double quotes with escapes as in C, where it could be misread. That is where
 * it has control or invisible characters, quotes, backslashes, bytes that are not UTF-8, or the look of a command.
 */
export function quotedName(name: ByteString): string {
  // Among bytes that are not UTF-8, each byte above ASCII is written as itself.
  if (!isUtf8(name)) return inQuotes([...name].map((byte) => (byte > '~' ? octal(byte) : quotedCharacter(byte))));
  const text = textOfBytes(name);
  if (!/["\\]/.test(text) && !looksLikeCommand(text) && printable(text) === text) return text;
  return inQuotes([...text].map(quotedCharacter));
}

/** GitHub finds `##[` anywhere in a line, within quotes as well. */
function inQuotes(characters: readonly string[]): string {
  return `"${characters.join('').replaceAll('##[', '#\\043[')}"`;
}

function quotedCharacter(character: string): string {
  return ESCAPES[character] ?? (printable(character) === character ? character : octal(bytesOfText(character)));
}

function octal(bytes: ByteString): string {
  return [...bytes].map((byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`).join('');
}
