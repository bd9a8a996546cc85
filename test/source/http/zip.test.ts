import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import type { TarEntry } from '../../../src/layer/tar/reader.ts';
import { readZip } from '../../../src/source/http/zip.ts';
import { tempDir } from '../../support/temp.ts';

interface Member {
  readonly name: string;
  readonly data?: string | Buffer;
  readonly method?: number;
  readonly flags?: number;
  readonly attributes?: number;
  readonly host?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly packed?: number;
  readonly localName?: string;
  readonly offset?: number;
  readonly extra?: Buffer;
}

/** An archive, right where the members do not say otherwise. */
function zip(
  members: readonly Member[],
  end: { readonly count?: number; readonly comment?: string; readonly cut?: number } = {},
): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let position = 0;
  for (const member of members) {
    const data = Buffer.from(member.data ?? '');
    const method = member.method ?? 8;
    const packed = method === 8 ? deflateRawSync(data) : data;
    const name = Buffer.from(member.name, 'latin1');
    const localName = Buffer.from(member.localName ?? member.name, 'latin1');
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(localName.length, 26);
    const header = Buffer.alloc(46);
    const extra = member.extra ?? Buffer.alloc(0);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt8(member.host ?? 3, 5);
    header.writeUInt16LE(member.flags ?? 0, 8);
    header.writeUInt16LE(method, 10);
    header.writeUInt32LE(((2020 - 1980) << 25) | (1 << 21) | (2 << 16), 12);
    header.writeUInt32LE(member.crc ?? crc32(data), 16);
    header.writeUInt32LE(member.packed ?? packed.length, 20);
    header.writeUInt32LE(member.size ?? data.length, 24);
    header.writeUInt16LE(name.length, 28);
    header.writeUInt16LE(extra.length, 30);
    header.writeUInt32LE(member.attributes ?? (0o100644 << 16) >>> 0, 38);
    header.writeUInt32LE(member.offset ?? position, 42);
    parts.push(local, localName, packed);
    central.push(header, name, extra);
    position += 30 + localName.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const tail = Buffer.alloc(22);
  const comment = Buffer.from(end.comment ?? '');
  tail.writeUInt32LE(0x06054b50, 0);
  tail.writeUInt16LE(end.count ?? members.length, 10);
  tail.writeUInt32LE(directory.length, 12);
  tail.writeUInt32LE(position, 16);
  tail.writeUInt16LE(comment.length, 20);
  const whole = Buffer.concat([...parts, directory, tail, comment]);
  return whole.subarray(0, whole.length - (end.cut ?? 0));
}

async function read(bytes: Buffer, maxRatio = 1000): Promise<{ entry: TarEntry; bytes: number }[]> {
  const file = join(tempDir('zip'), 'a.zip');
  writeFileSync(file, bytes);
  const found: { entry: TarEntry; bytes: number }[] = [];
  await readZip(
    new AbortController().signal,
    file,
    {
      entry: (entry) => void found.push({ entry, bytes: 0 }),
      data: (chunk, offset) => {
        const last = found.at(-1);
        if (last === undefined || last.bytes !== offset) throw new Error('data out of order');
        last.bytes += chunk.length;
      },
      fileEnd: () => undefined,
    },
    maxRatio,
    () => undefined,
  );
  return found;
}

async function failure(bytes: Buffer, maxRatio?: number): Promise<string> {
  try {
    await read(bytes, maxRatio);
  } catch (error) {
    if (isCtxsrcError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('no failure');
}

describe('readZip', () => {
  it('reads files, directories and links, their modes and times', async () => {
    const time = Buffer.from([0x55, 0x54, 5, 0, 1, 0, 0, 0, 0x60]);
    const found = await read(
      zip(
        [
          { name: 'd/', method: 0, attributes: (0o040750 << 16) >>> 0 },
          { name: 'd/f', data: 'x'.repeat(1000), attributes: (0o104755 << 16) >>> 0, extra: time },
          { name: 's', method: 0, data: 'stored' },
          { name: 'l', data: 'd/f', attributes: (0o120777 << 16) >>> 0 },
          { name: 'w\\x', host: 0, attributes: 0x20 },
          { name: 'empty', method: 0 },
        ],
        { comment: 'PK\x05\x06 in a comment' },
      ),
    );
    expect(
      found.map(({ entry: { name, type, mode, size, linkName, mtime }, bytes }) => [
        name,
        type,
        mode,
        size,
        linkName,
        mtime,
        bytes,
      ]),
    ).toEqual([
      ['d/', 'dir', 0o750, 0, '', 1577923200, 0],
      ['d/f', 'file', 0o755, 1000, '', 0x60000000, 1000],
      ['s', 'file', 0o644, 6, '', 1577923200, 6],
      ['l', 'symlink', 0o777, 0, 'd/f', 1577923200, 0],
      ['w/x', 'file', 0o644, 0, '', 1577923200, 0],
      ['empty', 'file', 0o644, 0, '', 1577923200, 0],
    ]);
  });

  const file: Member = { name: 'f', data: 'content' };
  it.each<[string, Buffer, RegExp]>([
    ['a wrong checksum', zip([{ ...file, crc: 1 }]), /^E_ARCHIVE_INVALID .*checksum/],
    ['a size that is too small', zip([{ ...file, size: 3 }]), /^E_ARCHIVE_INVALID .*size/],
    ['a size that is too big', zip([{ ...file, size: 30 }]), /^E_ARCHIVE_INVALID .*size/],
    [
      'packed bytes that reach into the next entry',
      zip([{ ...file, packed: 40 }, file]),
      /^E_ARCHIVE_INVALID .*overlap/,
    ],
    ['two entries with the same bytes', zip([file, { ...file, name: 'f', offset: 0 }]), /^E_ARCHIVE_INVALID .*overlap/],
    ['another name in front of the data', zip([{ ...file, localName: 'g' }]), /^E_ARCHIVE_INVALID .*names.*differ/],
    ['an entry that is nowhere', zip([{ ...file, offset: 1 }]), /^E_ARCHIVE_INVALID .*not where/],
    ['an offset behind the end', zip([{ ...file, offset: 1_000_000 }]), /^E_ARCHIVE_INVALID .*cut off/],
    ['encryption', zip([{ ...file, flags: 1 }]), /^E_ARCHIVE_INVALID .*encrypted/],
    ['an unknown method', zip([{ ...file, method: 12 }]), /^E_ARCHIVE_INVALID .*method 12/],
    ['a device', zip([{ ...file, attributes: (0o020666 << 16) >>> 0 }]), /^E_UNSAFE/],
    ['no name', zip([{ ...file, name: '' }]), /^E_ARCHIVE_INVALID .*name/],
    ['a NUL in a name', zip([{ ...file, name: 'a\0b' }]), /^E_ARCHIVE_INVALID .*name/],
    ['a wrong count', zip([file], { count: 2 }), /^E_ARCHIVE_INVALID .*1 entries/],
    ['a missing end', zip([file], { cut: 10 }), /^E_ARCHIVE_INVALID .*no end/],
    ['a zip64 size that is not there', zip([{ ...file, size: 0xffffffff }]), /^E_ARCHIVE_INVALID .*zip64/],
    [
      'a link of a whole page',
      zip([{ name: 'l', data: 'x'.repeat(5000), attributes: (0o120777 << 16) >>> 0 }]),
      /^E_ARCHIVE_INVALID .*size/,
    ],
    ['data that is not deflated', Buffer.from(zip([{ ...file, method: 0 }])).fill(8, 0, 0), /./],
  ])('refuses %s', async (what, bytes, want) => {
    if (what === 'data that is not deflated')
      bytes.writeUInt16LE(8, bytes.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1')) + 10);
    expect(await failure(bytes)).toMatch(want);
  });

  it('refuses a bomb', async () => {
    const bytes = zip([{ name: 'f', data: Buffer.alloc(80 << 20) }]);
    expect(await failure(bytes, 100)).toMatch(/^E_LIMIT/);
  });

  it('can be told to end while it reads a directory of hundreds of thousands', async () => {
    const one = zip([{ name: 'f' }]);
    const [row, end] = [one.subarray(-22 - 47, -22), one.subarray(-22)];
    const directory = Buffer.concat([Buffer.alloc(300_000 * row.length, row), Buffer.from('no row')]);
    end.writeUInt32LE(directory.length, 12);
    const file = join(tempDir('zip'), 'many.zip');
    writeFileSync(file, Buffer.concat([one.subarray(0, -22 - 47), directory, end]));
    const stopped = new AbortController();
    const handler = { entry: () => undefined, data: () => undefined, fileEnd: () => undefined };
    setTimeout(() => stopped.abort(new Error('told to')), 20);
    await expect(readZip(stopped.signal, file, handler, 1000, () => undefined)).rejects.toThrow('told to');
  });

  it('survives every byte of an archive being another one', async () => {
    const good = zip([{ name: 'd/', method: 0 }, file]);
    for (let at = 0; at < good.length; at += 1) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0xff;
      try {
        await read(bad);
      } catch (error) {
        if (!isCtxsrcError(error)) throw error;
      }
    }
    expect((await read(good)).length).toBe(2);
  });
});
