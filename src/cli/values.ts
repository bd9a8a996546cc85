/** Parsers of flag values: durations, sizes, counts. Each throws a usage error with the flag and a valid value. */
import type { NetworkOptions } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { shownReference } from '../core/shown-reference.ts';

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kb: 1000,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1000 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1000 ** 3,
  gib: 1024 ** 3,
  t: 1024 ** 4,
  tb: 1000 ** 4,
  tib: 1024 ** 4,
};

/**
 * `1h30m`, `90s`, `500ms`; a bare number means seconds.
 * @returns milliseconds
 */
export function parseDuration(flag: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    throw badValue(flag, text, 'a duration such as 30s, 5m or 1h30m');
  }
  return parts.reduce((sum, part) => sum + Number(part[1]) * DURATION_UNITS[part[2]!]!, 0);
}

/** `500MB` (powers of 1000), `2GiB` or `2g` (powers of 1024), or bytes. @returns bytes */
export function parseSize(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  const unit = match === null ? undefined : SIZE_UNITS[match[2]!.toLowerCase()];
  if (match === null || unit === undefined)
    throw badValue(flag, text, 'a size such as 500MB, 2GiB or a number of bytes');
  const bytes = Math.floor(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) throw badValue(flag, text, 'a smaller size');
  return bytes;
}

/** A whole number from `least` on. */
export function parseCount(flag: string, text: string, least: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < least) throw badValue(flag, text, `a whole number from ${least} on`);
  return value;
}

/**
 * `A=B`, for `--mirror` and `--with`.
 * @param form the names of the two parts, for messages
 */
export function parsePair(flag: string, text: string, form = 'NAME=VALUE'): [string, string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw badValue(flag, text, form);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** `HOST=MIRROR[/PATH]`, for `--mirror`. */
export function parseMirrorOf(flag: string, text: string): NetworkOptions['mirrors'][number] {
  const [host, mirror] = parsePair(flag, text, 'HOST=MIRROR[/PATH]');
  return { host, mirror };
}

/** `HOST[:PORT]`, for `--plain-http`: a URL would be a host that is never contacted. */
export function checkHost(flag: string, text: string): string {
  if (text === '' || /[/@\s]/.test(text)) throw badValue(flag, text, 'HOST[:PORT], without https://');
  return text;
}

function badValue(flag: string, text: string, wanted: string): CtxsrcError {
  return new CtxsrcError('E_USAGE', `${flag} ${JSON.stringify(shownReference(text))} is not valid: it takes ${wanted}`);
}
