import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../src/contract/entry.ts';
import {
  entriesOfRows,
  entryOfRow,
  peekRow,
  ROW_SEPARATOR,
  rowOf,
  rowsOf,
  rowTexts,
} from '../../../src/fs/entry/json-rows.ts';

const hex = 'ab'.repeat(32);

const CASES: readonly { readonly row: string; readonly entry: Entry }[] = [
  {
    row: `["a \\"b\\",\\\\","f",420,0,7,12,"1700000000000000001","sha256:${hex}"]`,
    entry: {
      path: 'a "b",\\',
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 7,
      size: 12,
      mtime: 1_700_000_000,
      mtimeNs: 1,
      xattrs: undefined,
      digest: `sha256:${hex}`,
    },
  },
  {
    row: '[{"latin1":"\u00ff\\""},"l",511,1,2,3,"-5",{"latin1":"\u00fe"}]',
    entry: {
      path: '\u00ff"',
      type: 'symlink',
      mode: 0o777,
      uid: 1,
      gid: 2,
      size: 3,
      mtime: -1,
      mtimeNs: 999_999_995,
      xattrs: undefined,
      target: '\u00fe',
    },
  },
  {
    row: '["line\\n,\\nbreak","d",493,0,0,0,"0",null,{"user.x":"AA=="}]',
    entry: {
      path: 'line\n,\nbreak',
      type: 'dir',
      mode: 0o755,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: 0,
      mtimeNs: 0,
      xattrs: new Map([['user.x', '\0']]),
    },
  },
  {
    row: `["caf\u00e9","f",420,0,0,1,"1700000000500000000","sha256:${hex}",null,7,1700000000123.5]`,
    entry: {
      path: 'caf\u00c3\u00a9',
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: 1,
      mtime: 1_700_000_000,
      mtimeNs: 500_000_000,
      xattrs: undefined,
      digest: `sha256:${hex}`,
      ino: 7,
      ctime: 1_700_000_000_123.5,
    },
  },
];

describe('a row of an entry', () => {
  it.each(CASES)('is its entry: $row', ({ row, entry }) => {
    expect(entryOfRow(row)).toEqual(entry);
    expect(rowOf(entry)).toBe(row);
    expect(peekRow(row)).toEqual({ type: entry.type, size: entry.size });
  });

  it.each(['', '[]', '["a","?",1,2,3,4,"5",null]', '["a","f",1,2,3]'])('is not %j', (row) => {
    expect(() => peekRow(row)).toThrow('does not begin as it should');
  });
});

describe('the rows of a report', () => {
  const rows = Array.from({ length: 20_000 }, (_, index) => CASES[index % CASES.length]!);
  const bytes = (some: typeof rows) => Buffer.from(some.map(({ row }) => row).join(ROW_SEPARATOR));

  it('are all there, in order, however they are cut', () => {
    // More than is read in one go, and pieces that begin and end anywhere in their memory.
    const pieces = [bytes(rows.slice(0, 1)), bytes(rows.slice(1, 12_000)), bytes(rows.slice(12_000))];
    expect([...rowTexts(pieces)]).toEqual(rows.map(({ row }) => row));
    expect([...rowTexts([])]).toEqual([]);
    const entries = entriesOfRows(pieces);
    expect([...entries]).toEqual(rows.map(({ entry }) => entry));
    expect([...entries]).toHaveLength(rows.length);
    expect([...rowsOf(entries)]).toEqual([...rowsOf([...entries])]);
  });
});
