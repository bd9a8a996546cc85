/** `NAME=VALUE` as flags of a build hold it, and their values. */
import { CtxsrcError } from '../../core/errors.ts';
import { shownReference } from '../../core/shown-reference.ts';

/** Splits at the first `=`; without one the value is undefined. E_USAGE for an empty name. */
export function splitPair(flag: string, text: string): readonly [name: string, value: string | undefined] {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === '') {
    throw new CtxsrcError('E_USAGE', `${flag} has an argument without a name`, {
      hint: `write ${flag} NAME=VALUE`,
    });
  }
  return [name, equals < 0 ? undefined : text.slice(equals + 1)];
}

/** Names and values; the last of a name counts, and a name alone has the empty value. */
export function readPairs(flag: string, texts: readonly string[]): Map<string, string> {
  return new Map(texts.map((text) => splitPair(flag, text)).map(([name, value = '']) => [name, value]));
}

/** The pairs of `--with`. E_USAGE for a name that is given twice, or one without a value. */
export function readSalts(texts: readonly string[]): [name: string, value: string][] {
  const salts = new Map<string, string>();
  for (const text of texts) {
    const [name, value] = splitPair('--with', text);
    if (value === undefined) {
      throw new CtxsrcError('E_USAGE', `--with ${JSON.stringify(shownReference(text))} has no value`, {
        hint: 'write --with NAME=VALUE',
      });
    }
    if (salts.has(name)) {
      throw new CtxsrcError('E_USAGE', `--with ${JSON.stringify(name)} is given twice`, {
        hint: 'give each name once',
      });
    }
    salts.set(name, value);
  }
  return [...salts];
}

/** What Go's `strconv.ParseBool` takes for true. */
export function isTrue(text: string | undefined): boolean {
  return /^(?:1|t|T|TRUE|true|True)$/.test(text ?? '');
}
