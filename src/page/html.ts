/** Text to HTML: whatever comes from outside goes through `text`. */
import { printable } from '../core/printable.ts';
import { withoutSecrets } from '../core/without-secrets.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as content or as the value of an attribute, without passwords in addresses, control characters and direction marks. */
export function text(value: string): string {
  return printable(withoutSecrets(value)).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
