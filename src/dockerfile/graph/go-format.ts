/** Texts as Go's `fmt` prints them: the history of an image shows some. */

const ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** A list in `%q`: `["a" "b"]`. */
export function quotedList(words: readonly string[]): string {
  return `[${words.map(quoted).join(' ')}]`;
}

/** A list in `%v`: `[a b]`. */
export function plainList(words: readonly string[]): string {
  return `[${words.join(' ')}]`;
}

/** A text in `%q`: what cannot be printed is escaped. */
function quoted(text: string): string {
  const escaped = Array.from(text, (char) => {
    const short = ESCAPES[char];
    if (short !== undefined) return short;
    if (char === ' ' || !/[\p{C}\p{Z}]/u.test(char)) return char;
    const code = char.codePointAt(0)!;
    if (code < 0x80) return `\\x${hex(code, 2)}`;
    return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  });
  return `"${escaped.join('')}"`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** A `time.Duration` of nanoseconds: `1m30s`, `1.5ms`. */
export function duration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const seconds = Math.floor(nanoseconds / 1e9);
  const fraction = String(nanoseconds % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return [
    hours > 0 ? `${hours}h` : '',
    hours > 0 || minutes > 0 ? `${minutes}m` : '',
    `${seconds % 60}${fraction === '' ? '' : `.${fraction}`}s`,
  ].join('');
}
