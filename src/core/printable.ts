/**
 * What came from outside, made harmless for a terminal: control characters (C0, DEL, C1), everything invisible that changes
 * how the text around it is read (marks of direction, joiners, tags, byte order marks), separators of lines and paragraphs,
 * and lone surrogates as `\xNN`, `\uNNNN` or `\u{NNNNN}`. Names go through it wherever a message is made of them.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const hex = character.codePointAt(0)!.toString(16);
    if (hex.length <= 2) return `\\x${hex.padStart(2, '0')}`;
    return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
  });
}

/** Longer than any tag or reference that a registry takes; the rest of a name tells a person nothing. */
const MAX_SHOWN = 400;
/** Names that a message lists. */
const MAX_LISTED = 20;

/** As `printable`, cut where it is long: a stranger's name must not fill the screen. For messages, not for answers. */
export function shortened(text: string): string {
  if (text.length <= MAX_SHOWN) return printable(text);
  // Not within a character.
  return `${printable(text.slice(0, MAX_SHOWN).replace(/[\ud800-\udbff]$/, ''))}…`;
}

/** Names of strangers in a message: some of them, each cut where it is long. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map(shortened).join(', ');
  return names.length > MAX_LISTED ? `${shown}, …` : shown;
}

/** JSON text that says the same, with the same characters written as JSON escapes: a document may end up on a terminal. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (character) => {
    // The end of a document. Within its texts it is escaped already.
    if (character === '\n') return character;
    return Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join('');
  });
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
