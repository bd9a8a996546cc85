/** WWW-Authenticate (RFC 9110, section 11.6.1): one or more challenges, each a scheme with parameters, in one or more headers. */

export interface Challenge {
  /** The authentication scheme in lower case: `bearer`, `basic`. */
  readonly kind: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer headers are cut. */
const LONGEST_HEADER = 8192;

// One item of the comma-separated list: a scheme, a parameter, or a scheme followed by its first parameter.
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}|[^\\s",]*))\\s*`);
const SCHEME = new RegExp(`^(${TOKEN})(?:\\s+|(?=,)|$)`);
const TOKEN68 = /^[A-Za-z0-9._~+/-]+=*\s*(?=,|$)/;

/** The challenges of all WWW-Authenticate headers, in order. A syntax error ends the header; nothing is guessed. */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  return values.flatMap((value) => parseOne(value.slice(0, LONGEST_HEADER)));
}

function parseOne(text: string): Challenge[] {
  const challenges: { kind: string; parameters: Record<string, string> }[] = [];
  let rest = text.trim();
  while (rest !== '') {
    if (rest.startsWith(',')) {
      rest = rest.slice(1).trimStart();
      continue;
    }
    const current = challenges.at(-1);
    const parameter = PARAMETER.exec(rest);
    if (parameter !== null && current !== undefined) {
      const name = (parameter[1] as string).toLowerCase();
      const value = parameter[2]?.replace(/\\(.)/g, '$1') ?? parameter[3] ?? '';
      // The first of two wins, so that the second cannot override it.
      if (!Object.hasOwn(current.parameters, name)) current.parameters[name] = value;
      rest = rest.slice(parameter[0].length);
      if (rest !== '' && !rest.startsWith(',')) return challenges;
      continue;
    }
    const scheme = SCHEME.exec(rest);
    if (scheme === null) return challenges;
    challenges.push({ kind: (scheme[1] as string).toLowerCase(), parameters: {} });
    rest = rest.slice(scheme[0].length);
    // `Negotiate TOKEN68`: not a parameter, and not supported.
    if (PARAMETER.exec(rest) === null) rest = rest.replace(TOKEN68, '');
  }
  return challenges;
}
