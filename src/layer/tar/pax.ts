/**
 * PAX extended headers (POSIX.1-2001, `pax` "Extended Header"): records `length key=value\n` before an entry, which
 * replace parts of its header. Keys and values are byte strings.
 */
import { shortenedBytes } from '../../fs/byte-string.ts';
import { archiveError, type Header } from './header.ts';

/** Facts of the records before an entry that its header has no fields for. */
export interface PaxFacts {
  /** Nanoseconds of the mtime below a second. */
  nanoseconds: number;
  /** Extended attributes by name, both byte strings. */
  xattrs: Map<string, string> | undefined;
  /** The `GNU.sparse.*` records in order; keys may repeat. */
  sparse: [key: string, value: string][] | undefined;
}

export type PaxRecord = readonly [key: string, value: string];

const XATTR = 'SCHILY.xattr.';
const NEWLINE = 0x0a;
const SPACE = 0x20;

/** The records of an extended header in order. @throws CtxsrcError `E_ARCHIVE_INVALID` */
export function parsePax(data: Buffer): PaxRecord[] {
  const records: PaxRecord[] = [];
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(SPACE, at);
    const digits = space === -1 ? '' : data.toString('latin1', at, space);
    if (!/^[0-9]{1,9}$/.test(digits)) throw archiveError('a PAX record has no length');
    const end = at + Number(digits);
    if (end > data.length || end - 2 <= space || data[end - 1] !== NEWLINE) {
      throw archiveError('a PAX record has a wrong length');
    }
    const record = data.toString('latin1', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals <= 0) throw archiveError('a PAX record has no key');
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1);
    const nulIn = key === 'path' || key === 'linkpath' || key === 'uname' || key === 'gname' ? value : key;
    if (nulIn.includes('\0')) throw archiveError(`the PAX record ${shortenedBytes(key)} holds a NUL`);
    records.push([key, value]);
    at = end;
  }
  return records;
}

/**
 * Applies the records to the header and returns the other facts. An empty value leaves the header as it is; of equal
 * keys the last one counts; keys that do not concern files are ignored.
 */
export function applyPax(header: Header, records: readonly PaxRecord[]): PaxFacts {
  const facts: PaxFacts = { nanoseconds: 0, xattrs: undefined, sparse: undefined };
  for (const [key, value] of records) {
    if (key.startsWith(XATTR)) {
      const name = key.slice(XATTR.length);
      if (name === '') throw archiveError('an extended attribute has no name');
      facts.xattrs ??= new Map();
      facts.xattrs.set(name, value);
      continue;
    }
    if (value === '') continue;
    if (key.startsWith('GNU.sparse.')) {
      facts.sparse ??= [];
      facts.sparse.push([key.slice('GNU.sparse.'.length), value]);
      continue;
    }
    switch (key) {
      case 'path':
        header.name = value;
        break;
      case 'linkpath':
        header.linkName = value;
        break;
      case 'size':
        header.size = decimal(key, value);
        break;
      case 'uid':
        header.uid = signedDecimal(key, value);
        break;
      case 'gid':
        header.gid = signedDecimal(key, value);
        break;
      case 'mtime':
        [header.mtime, facts.nanoseconds] = time(value);
        break;
      default:
    }
  }
  return facts;
}

/** A non-negative decimal number that a double holds exactly. */
export function decimal(key: string, value: string): number {
  const result = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(result))
    throw archiveError(`the PAX record ${JSON.stringify(shortenedBytes(key))} is not a valid number`);
  return result;
}

function signedDecimal(key: string, value: string): number {
  return value.startsWith('-') ? 0 - decimal(key, value.slice(1)) : decimal(key, value);
}

/** Seconds (rounded down) and nanoseconds of a decimal fraction; digits after the ninth are dropped. */
function time(value: string): [seconds: number, nanoseconds: number] {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (match === null) throw archiveError('the PAX record "mtime" is not a valid time');
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] !== '-') return [seconds, nanoseconds];
  return nanoseconds === 0 ? [0 - seconds, 0] : [-seconds - 1, 1_000_000_000 - nanoseconds];
}
