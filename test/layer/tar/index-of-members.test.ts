import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { readTarIndex } from '../../../src/layer/tar/index-of-members.ts';
import { type TarEntry, tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

async function index(bytes: Buffer): Promise<{ read(name: string): string | undefined }> {
  const path = join(tempDir('tar'), 'a.tar');
  writeFileSync(path, bytes);
  const file = await open(path, 'r');
  try {
    const found = await readTarIndex(file, bytes.length, new AbortController().signal);
    return {
      read(name) {
        const member = found.find(name);
        return member === undefined ? undefined : bytes.toString('latin1', member.offset, member.offset + member.size);
      },
    };
  } finally {
    await file.close();
  }
}

async function failure(entries: readonly TarEntry[] | Buffer, name = 'x'): Promise<string> {
  try {
    (await index(Buffer.isBuffer(entries) ? entries : Buffer.from(tar(entries)))).read(name);
  } catch (error) {
    if (isCtxsrcError(error)) return error.code;
    throw error;
  }
  throw new Error('no failure');
}

describe('readTarIndex', () => {
  it('finds members by their clean names, long ones and big ones too', async () => {
    const long = `${'d/'.repeat(100)}file`;
    const found = await index(
      Buffer.from(
        tar([
          { name: './a', content: 'A' },
          { name: 'dir/', type: 'dir' },
          { name: '/dir//b', content: 'B'.repeat(1000) },
          { name: long, content: 'L' },
          { name: 'pax', content: 'P', pax: { path: 'renamed' } },
          { name: '../../up', content: 'U' },
        ]),
      ),
    );
    expect(found.read('a')).toBe('A');
    expect(found.read('./dir/b')).toBe('B'.repeat(1000));
    expect(found.read(long)).toBe('L');
    expect(found.read('renamed')).toBe('P');
    expect(found.read('pax')).toBeUndefined();
    // Names are looked up only: one that leads out is one below the root.
    expect(found.read('up')).toBe('U');
    expect(found.read('dir')).toBeUndefined();
  });

  it('follows links within the archive', async () => {
    const found = await index(
      Buffer.from(
        tar([
          { name: 'x/f', content: 'F' },
          { name: 'y/s', type: 'symlink', linkname: '../x/f' },
          { name: 'y/h', type: 'hardlink', linkname: 'y/s' },
          { name: 'out', type: 'symlink', linkname: '/etc/passwd' },
        ]),
      ),
    );
    expect(found.read('y/s')).toBe('F');
    expect(found.read('y/h')).toBe('F');
    expect(found.read('out')).toBeUndefined();
  });

  it('takes what is there twice with the same content, and links that claim a size', async () => {
    const found = await index(
      Buffer.from(
        tar([
          { name: 'x', content: 'same'.repeat(200_000) },
          { name: 'y', type: 'symlink', linkname: 'x', size: 4 },
          { name: 'z', type: 'hardlink', linkname: 'x', size: 800_000 },
          { name: './x', content: 'same'.repeat(200_000) },
          { name: 'y', type: 'symlink', linkname: './x', size: 4 },
          { name: 'dir', type: 'dir', size: 4096 },
          { name: 'last', content: 'L' },
        ]),
      ),
    );
    expect(['x', 'y', 'z'].map((name) => found.read(name)?.length)).toEqual([800_000, 800_000, 800_000]);
    expect(found.read('last')).toBe('L');
    const differing: TarEntry[][] = [
      [
        { name: 'x', content: 'same' },
        { name: 'x', content: 'sane' },
      ],
      [
        { name: 'x', content: 'x' },
        { name: 'x', type: 'symlink', linkname: 'y' },
      ],
      [
        { name: 'x', type: 'symlink', linkname: 'y' },
        { name: 'x', type: 'symlink', linkname: 'z' },
      ],
    ];
    for (const entries of differing) expect(await failure(entries)).toBe('E_ARCHIVE_INVALID');
  });

  it('refuses what is ambiguous, endless or cut off', async () => {
    expect(
      await failure([
        { name: 'x', content: '1' },
        { name: './x', content: '2' },
      ]),
    ).toBe('E_ARCHIVE_INVALID');
    expect(
      await failure([
        { name: 'x', type: 'symlink', linkname: 'y' },
        { name: 'y', type: 'symlink', linkname: 'x' },
      ]),
    ).toBe('E_ARCHIVE_INVALID');
    const whole = Buffer.from(tar([{ name: 'x', content: 'x'.repeat(2000) }]));
    expect(await failure(whole.subarray(0, 1500))).toBe('E_ARCHIVE_INVALID');
    expect(await failure(Buffer.alloc(2048))).toBe('E_ARCHIVE_INVALID');
    expect(await failure(Buffer.alloc(0))).toBe('E_ARCHIVE_INVALID');
    expect(await failure(Buffer.alloc(1024, 'x'))).toBe('E_ARCHIVE_INVALID');
    expect(await failure([{ name: 'x', content: 'x', pax: { path: 'y'.repeat(2 << 20) } }])).toBe('E_ARCHIVE_INVALID');
  });
});
