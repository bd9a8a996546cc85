/** Texts that may have addresses or settings in them, as they are shown. */
import { SECRET_NAME, SECRET_WORD, shownReference } from './shown-reference.ts';

/** The name of a setting, a variable or a label says that its value is a secret. */
export function isSecretName(name: string): boolean {
  return (
    SECRET_NAME.test(name) ||
    /pass|private/i.test(name) ||
    name.split(/[^a-z0-9]+/i).some((part) => SECRET_WORD.test(part))
  );
}

/** A text with every address in it as it is shown. */
export function withoutSecrets(text: string): string {
  return text.includes('://') ? text.replace(ADDRESS, shownReference) : text;
}

/** Up to a blank, a quote, or a comma before the next one. The schemes are bounded, for long texts without any. */
const ADDRESS = /[a-z][a-z0-9+.-]{0,30}:\/\/(?:(?!,[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s"`<>\\])+/gi;
