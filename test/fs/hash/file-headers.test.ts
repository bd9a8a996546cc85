import { expect, test } from 'vitest';
import type { Latin1Buffer } from '../../../src/fs/byte-string.ts';
import { entryHeader } from '../../../src/fs/entry/header.ts';
import { FileHeaders } from '../../../src/fs/hash/file-headers.ts';

const END = 512;

test('headers that are written one after the other are those of the entries, and touch nothing behind them', () => {
  const buffer = Buffer.alloc(END + 4, '.') as Latin1Buffer;
  const headers = new FileHeaders(buffer, END);
  const sizes = [0, 9, 10, 7, 4_095, 100_000, 99_999, 262_144, 5_000_000_000, Number.MAX_SAFE_INTEGER, 1];
  const owners = [
    [0o644, 0, 0],
    [0o755, 0, 0],
    [0o4755, 4_294_967_295, 1000],
    [0, 1000, 4_294_967_295],
  ] as const;
  for (const [mode, uid, gid] of [...owners, ...owners.toReversed()]) {
    for (const size of sizes) {
      const start = headers.write(mode, uid, gid, size);
      const header = entryHeader({ type: 'file', mode, uid, gid, size });
      expect(buffer.latin1Slice(start, END + 4)).toBe(`${header}....`);
    }
  }
});
