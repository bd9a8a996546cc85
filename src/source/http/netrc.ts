/**
 * netrc files, as curl and git read them: `machine HOST login USER password PASSWORD`, on any lines. `default` is
 * ignored: its password would be sent to every host.
 */

export interface NetrcEntry {
  readonly login: string;
  readonly password: string;
}

/** The first entry for a host with a login or a password; names are compared without regard to case. */
export function netrcEntry(text: string, host: string): NetrcEntry | undefined {
  const words = wordsOf(text);
  for (let i = 0; i < words.length; i += 1) {
    if (words[i] !== 'machine') continue;
    const name = words[i + 1]?.toLowerCase();
    const entry: Record<string, string> = {};
    for (i += 2; i < words.length && words[i] !== 'machine' && words[i] !== 'default'; i += 2) {
      entry[words[i]!] ??= words[i + 1] ?? '';
    }
    i -= 1;
    const { login, password } = entry;
    if (name === host && (login ?? password) !== undefined) return { login: login ?? '', password: password ?? '' };
  }
  return undefined;
}

/** Words outside of comments and macros; a quoted word may contain blanks and escapes (`\\x` is x). */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let inMacro = false;
  for (const line of text.split(/\r?\n/)) {
    if (inMacro && line.trim() !== '') continue;
    inMacro = false;
    for (const [, quoted, bare] of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
      // A password may begin with #: comments are only possible where a keyword is expected.
      if (bare?.startsWith('#') && !isValueNext(words)) break;
      if (bare === 'macdef') {
        inMacro = true;
        break;
      }
      words.push(bare ?? quoted!.replace(/\\(.)/g, '$1'));
    }
  }
  return words;
}

function isValueNext(words: readonly string[]): boolean {
  return ['machine', 'login', 'password', 'account'].includes(words.at(-1) ?? '');
}
