/**
 * Text from outside, made harmless for a terminal. These characters become `\xNN`, `\uNNNN` or `\u{NNNNN}`: control
 * characters (C0, DEL, C1), invisible characters that change how the text around them is read (direction marks,
 * joiners, tags, byte order marks), line and paragraph separators, and lone surrogates. Every name in a message goes
 * through this function.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const hex = character.codePointAt(0)!.toString(16);
    if (hex.length <= 2) return `\\x${hex.padStart(2, '0')}`;
    return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
  });
}

/** Longer than any tag or reference that a registry accepts. */
const MAX_SHOWN = 400;
/** Number of names that a message lists. */
const MAX_LISTED = 20;

/**
 * As `printable`, and long text is cut, so that a hostile name cannot fill the screen. For messages, not for answers.
 */
export function shortened(text: string): string {
  if (text.length <= MAX_SHOWN) return printable(text);
  // Do not cut within a surrogate pair.
  return `${printable(text.slice(0, MAX_SHOWN).replace(/[\ud800-\udbff]$/, ''))}…`;
}

/** Names from outside in a message: the first of them, each cut if it is long. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map(shortened).join(', ');
  return names.length > MAX_LISTED ? `${shown}, …` : shown;
}

/**
 * The same JSON with the characters that `printable` escapes written as JSON escapes: a document may be shown on a
 * terminal.
 */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (character) => {
    // The newline that ends the document; newlines within its texts are escaped already.
    if (character === '\n') return character;
    return Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join('');
  });
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
