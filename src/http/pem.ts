/** Certificates in text (PEM). */
import { readSmallFileSync } from '../fs/small-file.ts';

const CERTIFICATE = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g;

/** The certificates in a text. */
export function certificatesIn(text: string): readonly string[] {
  return text.match(CERTIFICATE) ?? [];
}

/** The text of a small regular file; empty if it is not one or cannot be read. */
export function textOf(path: string): string {
  try {
    return readSmallFileSync(path, { what: path }).toString('latin1');
  } catch {
    return '';
  }
}
