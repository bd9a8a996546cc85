import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { type TarEntry, TarReader } from '../../../src/layer/tar/reader.ts';
import { needs } from '../../support/needs.ts';
import { paxHeader, tar, tarEntry } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

interface Read {
  readonly entry: TarEntry;
  /** Content with its holes. */
  content: Buffer;
  ended: boolean;
}

/** Everything in an archive that is pushed in pieces of the given size. */
function read(archive: Buffer, step = archive.length): Read[] {
  const found: Read[] = [];
  const reader = new TarReader({
    entry: (entry) => found.push({ entry, content: Buffer.alloc(entry.size > 1 << 24 ? 0 : entry.size), ended: false }),
    data: (chunk, offset) => chunk.copy(found.at(-1)!.content, offset),
    fileEnd: () => {
      found.at(-1)!.ended = true;
    },
  });
  for (let at = 0; at < archive.length; at += step) reader.push(archive.subarray(at, at + step));
  reader.finish();
  return found;
}

function refusal(archive: Buffer, step?: number): string {
  try {
    read(archive, step);
  } catch (error) {
    if (isCtxsrcError(error, 'E_ARCHIVE_INVALID')) return error.message;
    throw error;
  }
  throw new Error('the archive was accepted');
}

const names = (archive: Buffer): string[] => read(archive).map(({ entry }) => entry.name);

describe('TarReader', () => {
  const archive = tar([
    { name: 'dir/', type: 'dir', mode: 0o1777 },
    { name: 'dir/file', content: 'x'.repeat(1000), mode: 0o4755, uid: 12, gid: 34, mtime: 1234567890 },
    { name: 'dir/empty', content: '' },
    { name: 'dir/block', content: 'y'.repeat(512) },
    { name: 'link', type: 'symlink', linkname: 'dir/file' },
    { name: 'hard', type: 'hardlink', linkname: 'dir/file' },
    { name: 'null', type: 'char', devmajor: 1, devminor: 3 },
    { name: 'sda', type: 'block', devmajor: 8, devminor: 0 },
    { name: 'pipe', type: 'fifo' },
  ]);

  it('reads every type, with its fields', () => {
    const found = read(archive);
    expect(found.map(({ entry }) => [entry.name, entry.type])).toEqual([
      ['dir/', 'dir'],
      ['dir/file', 'file'],
      ['dir/empty', 'file'],
      ['dir/block', 'file'],
      ['link', 'symlink'],
      ['hard', 'hardlink'],
      ['null', 'char'],
      ['sda', 'block'],
      ['pipe', 'fifo'],
    ]);
    expect(found[0]!.entry.mode).toBe(0o1777);
    expect(found[1]!.entry).toMatchObject({
      mode: 0o4755,
      uid: 12,
      gid: 34,
      size: 1000,
      mtime: 1234567890,
      mtimeNs: 0,
    });
    expect(found[1]!.content.toString()).toBe('x'.repeat(1000));
    expect(found[5]!.entry.linkName).toBe('dir/file');
    expect(found[6]!.entry).toMatchObject({ devMajor: 1, devMinor: 3 });
    expect(found.map((one) => one.ended)).toEqual([false, true, true, true, false, false, false, false, false]);
  });

  it.each([1, 7, 511, 512, 513, 1024, 4096])('reads the same in pieces of %i bytes', (step) => {
    expect(read(archive, step)).toEqual(read(archive));
  });

  it('joins the ustar prefix, and reads PAX and GNU long names', () => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}`;
    const huge = `${'g/'.repeat(300)}end`;
    expect(names(tar([{ name: `${'d'.repeat(90)}/${'e'.repeat(90)}` }]))).toEqual([
      `${'d'.repeat(90)}/${'e'.repeat(90)}`,
    ]);
    expect(names(tar([{ name: long, long: 'pax' }, { name: huge, long: 'gnu' }, { name: 'after' }]))).toEqual([
      long,
      huge,
      'after',
    ]);
    const [link] = read(tar([{ name: 'l', type: 'symlink', linkname: huge, long: 'gnu' }]));
    expect(link!.entry.linkName).toBe(huge);
  });

  it('keeps names that are not UTF-8, and attribute values with any byte', () => {
    const name = Buffer.from([0x66, 0xff, 0xfe, 0x0a, 0x31]);
    const value = Buffer.from([1, 0, 0xff, 0x0a, 0x3d]);
    const [one] = read(tar([{ name, xattrs: { 'user.x': value, 'security.capability': 'cap' } }]));
    expect(Buffer.from(one!.entry.name, 'latin1')).toEqual(name);
    expect(Buffer.from(one!.entry.xattrs!.get('user.x')!, 'latin1')).toEqual(value);
    expect([...one!.entry.xattrs!.keys()].sort()).toEqual(['security.capability', 'user.x']);
  });

  it.each([
    ['1700000000.123456789', 1700000000, 123456789],
    ['1700000000.5', 1700000000, 500000000],
    ['1700000000.1234567891', 1700000000, 123456789],
    ['-1.25', -2, 750000000],
    ['-3', -3, 0],
    ['0.000000001', 0, 1],
    ['1700000000.', 1700000000, 0],
  ])('reads the time %s', (text, seconds, nanoseconds) => {
    const [one] = read(tar([{ name: 'f', pax: { mtime: text } }]));
    expect([one!.entry.mtime, one!.entry.mtimeNs]).toEqual([seconds, nanoseconds]);
  });

  it('takes the last of several headers of a kind in front of an entry, as Go does', () => {
    const [one, two] = read(
      Buffer.concat([
        paxHeader('x', [
          ['path', 'first'],
          ['uid', '7'],
        ]),
        paxHeader('x', [['path', 'second']]),
        tarEntry({ name: 'x', uid: 5 }),
        paxHeader('x', [['path', 'gone']]),
        paxHeader('x', []),
        tarEntry({ name: 'own' }),
        Buffer.alloc(1024),
      ]),
    );
    expect(one!.entry).toMatchObject({ name: 'second', uid: 5 });
    expect(two!.entry.name).toBe('own');
  });

  it('knows the directories of before POSIX by their whole name, and takes owners in 32 bits', () => {
    const entries = read(
      tar([
        { name: 'short', typeflag: '\0', pax: { path: 'dir/' } },
        { name: `${'d/'.repeat(100)}`, typeflag: '\0', long: 'gnu' },
        { name: 'file', typeflag: '\0', pax: { uid: '-2', gid: '-1' } },
        { name: 'file', uid: -1, gid: -(2 ** 31) },
        { name: 'label', typeflag: 'V', size: 0 },
      ]),
    ).map(({ entry }) => [entry.type, entry.uid, entry.gid]);
    expect(entries).toEqual([
      ['dir', 0, 0],
      ['dir', 0, 0],
      ['file', 4294967294, 4294967295],
      ['file', 4294967295, 2147483648],
      ['label', 0, 0],
    ]);
  });

  it('lets PAX records replace fields, empty ones keep them, and the last of two count', () => {
    const [one, two] = read(
      tar([
        {
          name: 'short',
          pax: { path: 'replaced', uid: '4294967294', gid: '3000000000', linkpath: '' },
          linkname: 'kept',
        },
        { name: 'plain' },
      ]),
    );
    expect(one!.entry).toMatchObject({ name: 'replaced', uid: 4294967294, gid: 3000000000, linkName: 'kept' });
    expect(two!.entry.name).toBe('plain');
    const twice = Buffer.concat([
      paxHeader('x', [
        ['path', 'first'],
        ['path', 'second'],
      ]),
      tar([{ name: 'x' }]),
    ]);
    expect(names(twice)).toEqual(['second']);
  });

  it('reads sizes over 8 GiB, from PAX and base 256, without asking for memory', () => {
    const size = 9 * 1024 ** 3;
    const base256 = tarEntry({
      name: 'big',
      raw: (header) => {
        header.fill(0, 124, 136);
        header[124] = 0x80;
        header.writeBigUInt64BE(BigInt(size), 128);
      },
    });
    for (const head of [base256, tarEntry({ name: 'big', pax: { size: String(size) } })]) {
      let seen = -1;
      const reader = new TarReader({
        entry: (entry) => {
          seen = entry.size;
        },
        data: () => undefined,
        fileEnd: () => undefined,
      });
      reader.push(head);
      expect(seen).toBe(size);
      expect(() => reader.finish()).toThrow(/cut short/);
    }
  });

  it('checks global headers and then ignores them, as containerd does', () => {
    const archive = Buffer.concat([
      paxHeader('g', [
        ['comment', 'abc'],
        ['path', 'global'],
        ['uid', '7'],
      ]),
      tar([{ name: 'own' }]),
    ]);
    expect(read(archive)[0]!.entry).toMatchObject({ name: 'own', uid: 0 });
    expect(refusal(Buffer.concat([paxHeader('g', [['', 'x']]), tar([{ name: 'own' }])]))).toMatch(/PAX/);
  });

  it.each(['gnu', '0.0', '0.1', '1.0'] as const)('reads sparse files of format %s', (format) => {
    const map: [number, number][] = [
      [1024, 512],
      [4096, 1024],
      [100_352, 10],
    ];
    const content = Buffer.concat([Buffer.alloc(512, 1), Buffer.alloc(1024, 2), Buffer.alloc(10, 3)]);
    const expected = Buffer.alloc(200_000);
    content.copy(expected, 1024, 0, 512);
    content.copy(expected, 4096, 512, 1536);
    content.copy(expected, 100_352, 1536);
    const archive = tar([
      { name: 'sparse', content, sparse: { format, realSize: 200_000, map } },
      { name: 'next', content: 'n' },
    ]);
    for (const step of [archive.length, 100, 512]) {
      const [sparse, next] = read(archive, step);
      expect(sparse!.entry).toMatchObject({ name: 'sparse', type: 'file', size: 200_000 });
      expect(sparse!.content.equals(expected)).toBe(true);
      expect(next!.content.toString()).toBe('n');
    }
  });

  it('accepts signed checksums, directories and names of before POSIX, and an archive without end marker', () => {
    const signed = tarEntry({
      name: Buffer.from([0xff, 0xfe]),
      magic: 'v7',
      rawAfter: (header) => {
        header.fill(0x20, 148, 156);
        const sum = header.reduce((total, byte) => total + (byte > 127 ? byte - 256 : byte), 0);
        header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
      },
    });
    expect(names(signed)).toEqual(['\xff\xfe']);
    const old = tar(
      [
        { name: 'dir/', typeflag: '\0', magic: 'v7' },
        { name: 'file', typeflag: '\0', magic: 'v7' },
      ],
      { end: false },
    );
    expect(read(old).map(({ entry }) => entry.type)).toEqual(['dir', 'file']);
    expect(names(Buffer.alloc(0))).toEqual([]);
  });

  it('takes no content for what is not a file, whatever the size field says', () => {
    const found = read(
      tar([
        { name: 'l', type: 'symlink', linkname: 'x', size: 5000 },
        { name: 'f', content: 'data' },
      ]),
    );
    expect(found.map(({ entry, content }) => [entry.name, content.toString()])).toEqual([
      ['l', ''],
      ['f', 'data'],
    ]);
  });

  it('ignores what follows the end marker', () => {
    expect(names(Buffer.concat([tar([{ name: 'a' }]), Buffer.from('garbage'), tar([{ name: 'b' }])]))).toEqual(['a']);
  });

  const head = tarEntry({ name: 'f', content: 'x'.repeat(600) });
  const bad: [string, Buffer, RegExp][] = [
    ['a wrong checksum', tarEntry({ name: 'f', rawAfter: (header) => header.write('g', 0) }), /checksum/],
    ['an end within a header', head.subarray(0, 300), /cut short/],
    ['an end within content', head.subarray(0, 1000), /cut short/],
    ['an end within padding', head.subarray(0, 1200), /cut short/],
    ['an end after a long name', paxHeader('x', [['path', 'p']]), /describes nothing/],
    [
      'the end marker after an extended header',
      Buffer.concat([paxHeader('x', [['path', 'p']]), Buffer.alloc(1024)]),
      /describes nothing/,
    ],
    ['an entry after a lone zero block', Buffer.concat([Buffer.alloc(512), head]), /zero block/],
    ['an unknown type', tarEntry({ name: 'f', typeflag: 'Z' }), /unknown type 0x5a/],
    ['a negative size', tarEntry({ name: 'f', raw: (header) => header.fill(0xff, 124, 136) }), /size out of range/],
    [
      'a huge size',
      tarEntry({
        name: 'f',
        raw: (header) => {
          header.fill(0xff, 124, 136);
          header[124] = 0x80;
        },
      }),
      /size out of range/,
    ],
    [
      'a size that is no number',
      tarEntry({ name: 'f', raw: (header) => header.write('12345x78901', 124) }),
      /malformed size/,
    ],
    ['a PAX size that is no number', tar([{ name: 'f', pax: { size: '-5' } }]), /"size"/],
    ['a PAX size beyond all bounds', tar([{ name: 'f', pax: { size: '9999999999999999' } }]), /"size"/],
    ['a PAX time that is no time', tar([{ name: 'f', pax: { mtime: 'yesterday' } }]), /"mtime"/],
    ['a PAX name with a NUL', tar([{ name: 'f', pax: { path: 'a\0b' } }]), /NUL/],
    ['an attribute without a name', tar([{ name: 'f', pax: { 'SCHILY.xattr.': 'x' } }]), /no name/],
  ];
  it.each(bad)('refuses %s', (_, archive, message) => {
    expect(refusal(archive)).toMatch(message);
    expect(refusal(archive, 100)).toMatch(message);
  });

  it.each([
    ['no length', 'path=x\n'],
    ['a length that is too long', '99 path=x\n'],
    ['a length that is too short', '6 path=x\n'],
    ['a length of zero', '0 a=b\n'],
    ['no newline', '10 path=xy'],
    ['no equals sign', '9 pathxx\n'],
  ])('refuses PAX records with %s', (_, body) => {
    const archive = Buffer.concat([tarEntry({ name: 'h', typeflag: 'x', content: body }), head]);
    expect(refusal(archive)).toMatch(/PAX record/);
  });

  it('refuses an extended header of gigabytes before it comes', () => {
    const bomb = tarEntry({ name: 'h', typeflag: 'x', size: 2 ** 31 });
    expect(refusal(bomb)).toMatch(/too large/);
  });

  it.each([
    [
      'overlaps itself',
      [
        [0, 512],
        [256, 512],
      ],
      1024,
    ],
    [
      'leaves its file',
      [
        [0, 512],
        [4096, 512],
      ],
      4000,
    ],
    ['does not account for the data', [[0, 512]], 2048],
  ] as [string, [number, number][], number][])('refuses a sparse map that %s', (_, map, realSize) => {
    const archive = tar([{ name: 's', content: Buffer.alloc(1024), sparse: { format: '0.1', realSize, map } }]);
    expect(refusal(archive)).toMatch(/sparse map/);
  });

  describe.skipIf(!needs('tar'))('against GNU tar', () => {
    it.each(['gnu', 'pax', 'ustar', 'v7'])('reads what it writes in format %s', (format) => {
      const dir = tempDir('tar');
      mkdirSync(join(dir, 'tree', 'sub'), { recursive: true });
      writeFileSync(join(dir, 'tree', 'sub', 'file'), 'content');
      writeFileSync(join(dir, 'tree', 'holes'), 'begin');
      truncateSync(join(dir, 'tree', 'holes'), 300_000);
      const sparse = format === 'gnu' || format === 'pax' ? ['-S'] : [];
      execFileSync('tar', [
        `--format=${format}`,
        '--sort=name',
        ...sparse,
        '-cf',
        join(dir, 'a.tar'),
        '-C',
        dir,
        'tree',
      ]);
      const archive = execFileSync('cat', [join(dir, 'a.tar')], { maxBuffer: 1 << 24 });
      const found = read(archive);
      expect(found.map(({ entry }) => entry.name)).toEqual(['tree/', 'tree/holes', 'tree/sub/', 'tree/sub/file']);
      expect(found[1]!.content.length).toBe(300_000);
      expect(found[1]!.content.subarray(0, 8).toString('latin1')).toBe('begin\0\0\0');
      expect(found[3]!.content.toString()).toBe('content');
    });
  });
});
