/**
 * The ignore file of a build context (`.dockerignore`) read into patterns (`docs/buildkit.md#ignore-files`); what they
 * mean, `!` too, is in `patterns.ts`, and which file holds in `source/local/find-ignore-file.ts`.
 */

import { CtxsrcError } from '../../core/errors.ts';
import { cleanPath } from '../../core/go/path.ts';
import { goText, trimGoSpace } from '../../core/go/text.ts';

/** A line of this many bytes is an error, as in BuildKit. */
const MAX_LINE = 64 * 1024;

/** One pattern and the number of its line, from 1. */
export interface IgnoreLine {
  readonly pattern: string;
  readonly line: number;
}

/**
 * The patterns of an ignore file, in order. Comments and empty lines are left out; a leading slash is ignored.
 * @param name for messages
 * @throws CtxsrcError `E_PATTERN` for a line of more than 64 KiB
 */
export function parseIgnoreFile(bytes: Uint8Array, name: string): IgnoreLine[] {
  const patterns: IgnoreLine[] = [];
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [index, raw] of lines.entries()) {
    if (raw.length >= MAX_LINE) {
      throw new CtxsrcError('E_PATTERN', `line ${index + 1} of ${name} is too long: bufio.Scanner: token too long`, {
        hint: 'a line of an ignore file may have 65535 bytes',
      });
    }
    const unmarked = index === 0 && raw.startsWith('\u00ef\u00bb\u00bf') ? raw.slice(3) : raw;
    const pattern = parseLine(goText(Buffer.from(unmarked.replace(/\r$/, ''), 'latin1')));
    if (pattern !== undefined) patterns.push({ pattern, line: index + 1 });
  }
  return patterns;
}

function parseLine(line: string): string | undefined {
  if (line.startsWith('#')) return undefined;
  const trimmed = trimGoSpace(line);
  if (trimmed === '') return undefined;
  const exception = trimmed.startsWith('!');
  const rest = exception ? trimGoSpace(trimmed.slice(1)) : trimmed;
  return (exception ? '!' : '') + (rest === '' ? '' : cleanRooted(rest));
}

/** Cleaned as a path, without the leading slash. */
function cleanRooted(pattern: string): string {
  const clean = cleanPath(pattern);
  return clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean;
}
