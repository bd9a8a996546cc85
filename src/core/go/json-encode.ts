/**
 * JSON as Go's `encoding/json` writes it. BuildKit hashes such documents into cache keys, so every byte counts: no
 * spaces, members in the order given, and escapes that differ from those of JSON.stringify.
 */
import { goText } from './text.ts';

/**
 * A value to encode. Bytes stand for a Go string, which need not be UTF-8; a Go `[]byte`, which is written as base64,
 * has to be given as its base64 text. Members whose value is undefined are left out.
 */
export type GoValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly GoValue[]
  | { readonly [name: string]: GoValue | undefined };

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function escapeText(text: string): string {
  if (!/["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/.test(text)) return text;
  return text
    .replace(/["\\<>&\u0000-\u001f\u2028\u2029]/g, (char) => {
      return SHORT_ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
    })
    .replace(/\p{Surrogate}/gu, '\ufffd');
}

/**
 * The document as Go writes it, byte for byte (`encoding/json`). Bytes that are not UTF-8 become the escape `\ufffd`,
 * as in Go; a lone surrogate, which no Go string can hold, becomes the character U+FFFD. What Go leaves out by
 * `omitempty`, the caller has to leave out, as undefined.
 */
export function encodeGoJson(value: GoValue): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value))
      throw new TypeError(`not an integer that Go and JavaScript write alike: ${value}`);
    return String(value);
  }
  if (typeof value === 'string') return `"${escapeText(value)}"`;
  if (value instanceof Uint8Array) return `"${goText(value, escapeText, () => '\\ufffd')}"`;
  if (isList(value)) return `[${value.map(encodeGoJson).join(',')}]`;
  const members = Object.entries(value).flatMap(([name, member]) => {
    return member === undefined ? [] : [`"${escapeText(name)}":${encodeGoJson(member)}`];
  });
  return `{${members.join(',')}}`;
}

function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}
