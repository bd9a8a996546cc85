/** Texts that may have addresses or settings in them, as they are shown. */
import { SECRET_NAME, SECRET_WORD, shownReference } from './shown-reference.ts';

/** The name of a setting, a variable or a label says that its value is a secret. */
export function isSecretName(name: string): boolean {
  return (
    SECRET_NAME.test(name) || /private/i.test(name) || name.split(/[^a-z0-9]+/i).some((part) => SECRET_WORD.test(part))
  );
}

/** A text with every address in it as it is shown. */
export function withoutSecrets(text: string): string {
  if (!text.includes('://')) return text;
  return text.replace(/[^\s"'`<>\\]+/g, (word) => (word.includes('://') ? shownReference(word) : word));
}
