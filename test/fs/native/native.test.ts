import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ioError, isCtxsrcError } from '../../../src/core/errors.ts';
import { loadNative, type Native } from '../../../src/fs/native/native.ts';
import { deviceOf } from '../../../src/fs/native/stat.ts';
import { tempDir } from '../../support/temp.ts';

const expected = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);
const asRoot = process.getuid?.() === 0;
let dir: string;

beforeAll(() => {
  dir = tempDir('native');
});

test('is there on Linux, and the same object each time', () => {
  expect(loadNative() !== undefined).toBe(expected);
  expect(loadNative()).toBe(loadNative());
});

describe.skipIf(!expected)('native calls', () => {
  const native = loadNative() as Native;
  const thrown = (work: () => unknown): unknown => {
    try {
      work();
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const codeOf = (work: () => unknown) => (thrown(work) as NodeJS.ErrnoException | undefined)?.code;

  test('extended attributes keep every byte of their values', () => {
    const file = join(dir, 'xattr');
    writeFileSync(file, 'x');
    const value = Buffer.from([0, 1, 0xff, 0x80, 10]);
    native.setXattr(file, 'user.bytes', value);
    native.setXattr(file, 'user.empty', Buffer.alloc(0));
    expect(
      native
        .listXattrs(file)
        .filter((name) => name.startsWith('user.'))
        .sort(),
    ).toEqual(['user.bytes', 'user.empty']);
    expect(native.getXattr(file, 'user.bytes')).toEqual(value);
    expect(native.getXattr(file, 'user.empty')).toEqual(Buffer.alloc(0));
    expect(native.getXattr(file, 'user.none')).toBeUndefined();
    const fd = openSync(file, 'r+');
    try {
      native.setXattr(fd, 'user.fd', Buffer.from('v'));
      expect(native.listXattrs(fd)).toContain('user.fd');
      expect(native.getXattr(fd, 'user.fd')).toEqual(Buffer.from('v'));
    } finally {
      closeSync(fd);
    }
  });

  test('a second reading does not see the bytes of the first', () => {
    const file = join(dir, 'reuse');
    writeFileSync(file, 'x');
    native.setXattr(file, 'user.a', Buffer.from('long value'));
    native.setXattr(file, 'user.b', Buffer.from('s'));
    const first = native.getXattr(file, 'user.a');
    expect(native.getXattr(file, 'user.b')).toEqual(Buffer.from('s'));
    expect(first).toEqual(Buffer.from('long value'));
  });

  test('links are not followed', () => {
    const target = join(dir, 'target');
    const link = join(dir, 'link');
    writeFileSync(target, 'x');
    symlinkSync('target', link);
    native.setXattr(target, 'user.of-target', Buffer.from('v'));
    expect(native.listXattrs(link)).not.toContain('user.of-target');
    const before = lstatSync(target, { bigint: true }).mtimeNs;
    native.setTimes(link, 1_234_567_890_123_456_789n);
    expect(lstatSync(link, { bigint: true }).mtimeNs).toBe(1_234_567_890_123_456_789n);
    expect(lstatSync(target, { bigint: true }).mtimeNs).toBe(before);
  });

  test.runIf(asRoot)('trusted attributes and capabilities, on a link too', () => {
    const link = join(dir, 'trusted-link');
    symlinkSync('nowhere', link);
    native.setXattr(link, 'trusted.t', Buffer.from('v'));
    expect(native.getXattr(link, 'trusted.t')).toEqual(Buffer.from('v'));
  });

  test('paths may hold any byte', () => {
    const path = Buffer.concat([Buffer.from(`${dir}/raw-`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(path, 'x');
    native.setXattr(path, 'user.n', Buffer.from('v'));
    native.setTimes(path, 5n);
    expect(native.getXattr(path, 'user.n')).toEqual(Buffer.from('v'));
    expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(5n);
  });

  test('times in nanoseconds, also before 1970, and the access time left alone', () => {
    const file = join(dir, 'times');
    writeFileSync(file, 'x');
    native.setTimes(file, -1n, 7_000_000_001n);
    const stat = lstatSync(file, { bigint: true });
    expect(stat.mtimeNs).toBe(-1n);
    expect(stat.atimeNs).toBe(7_000_000_001n);
    const fd = openSync(file, 'r');
    native.setTimes(fd, 1_700_000_000_000_000_009n);
    expect(fstatSync(fd, { bigint: true }).mtimeNs).toBe(1_700_000_000_000_000_009n);
    expect(fstatSync(fd, { bigint: true }).atimeNs).toBe(7_000_000_001n);
    closeSync(fd);
  });

  test('exchange swaps a directory with a file', () => {
    mkdirSync(join(dir, 'left'));
    writeFileSync(join(dir, 'left', 'inner'), 'l');
    writeFileSync(join(dir, 'right'), 'r');
    native.exchange(join(dir, 'left'), join(dir, 'right'));
    expect(readFileSync(join(dir, 'left'), 'utf8')).toBe('r');
    expect(readFileSync(join(dir, 'right', 'inner'), 'utf8')).toBe('l');
    expect(codeOf(() => native.exchange(join(dir, 'left'), join(dir, 'absent')))).toBe('ENOENT');
  });

  test('fifos and, as root, devices', () => {
    native.mknod(join(dir, 'fifo'), constants.S_IFIFO | 0o644, 0, 0);
    expect(lstatSync(join(dir, 'fifo')).isFIFO()).toBe(true);
    if (!asRoot) {
      expect(codeOf(() => native.mknod(join(dir, 'dev'), constants.S_IFCHR | 0o600, 1, 3))).toBe('EPERM');
      return;
    }
    for (const [major, minor] of [
      [1, 3],
      [259, 1048575],
    ] as const) {
      const path = join(dir, `char-${major}`);
      native.mknod(path, constants.S_IFCHR | 0o600, major, minor);
      expect(lstatSync(path).isCharacterDevice()).toBe(true);
      expect(deviceOf(lstatSync(path).rdev)).toBe(`${major}:${minor}`);
      const seen = execFileSync('stat', ['-c', '%t %T', path], { encoding: 'utf8' }).trim();
      expect(seen).toBe(`${major.toString(16)} ${minor.toString(16)}`);
    }
  });

  test('creation below an open directory does not follow a planted link', () => {
    const outside = tempDir('outside');
    const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      symlinkSync(outside, join(dir, 'trap'));
      const { O_DIRECTORY, O_NOFOLLOW, O_CREAT, O_EXCL, O_WRONLY } = constants;
      expect(codeOf(() => native.openAt(fd, 'trap', O_DIRECTORY | O_NOFOLLOW))).toBe('ENOTDIR');
      const file = native.openAt(fd, 'made', O_CREAT | O_EXCL | O_WRONLY, 0o640);
      writeFileSync(file, 'text');
      expect(fstatSync(file).mode & 0o777).toBe(0o640 & ~process.umask());
      closeSync(file);
      expect(readFileSync(join(dir, 'made'), 'utf8')).toBe('text');
    } finally {
      closeSync(fd);
    }
  });

  test('paths, also those that are not UTF-8, are opened below a directory', () => {
    const base = tempDir('below');
    const name = Buffer.from([0x61, 0xff]);
    writeFileSync(Buffer.concat([Buffer.from(`${base}/`), name]), 'text');
    symlinkSync('elsewhere', join(base, 'link'));
    const dir = native.openAt(undefined, base, constants.O_RDONLY | constants.O_DIRECTORY);
    const open = (path: string | Buffer) => native.openAt(dir, path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const fd = open(name);
    expect(readFileSync(fd, 'utf8')).toBe('text');
    expect(codeOf(() => open('link'))).toBe('ELOOP');
    expect(codeOf(() => open('absent'))).toBe('ENOENT');
    const again = open(name);
    for (const each of [fd, again, dir]) native.close(each);
    expect(codeOf(() => open(name))).toBe('EBADF');
  });

  test('files are read from a position, and directories listed with what is in them', () => {
    const base = tempDir('calls');
    writeFileSync(join(base, 'file'), '0123456789');
    writeFileSync(Buffer.concat([Buffer.from(`${base}/raw-`), Buffer.from([0xff])]), '');
    mkdirSync(join(base, 'dir'));
    symlinkSync('file', join(base, 'link'));
    for (let i = 0; i < 3_000; i += 1) writeFileSync(join(base, 'dir', `a file with a long name, number ${i}`), '');
    const fd = native.openAt(undefined, join(base, 'file'), constants.O_RDONLY);
    const into = Buffer.alloc(8, '-');
    const readInto = (fileFd: number, at: number, length: number, position: number) =>
      native.read(fileFd, into, at, length, position);
    expect([readInto(fd, 1, 4, 4), into.toString()]).toEqual([4, '-4567---']);
    expect([readInto(fd, 0, 8, 4), into.toString()]).toEqual([6, '456789--']);
    expect(readInto(fd, 0, 8, 10)).toBe(0);
    for (const [at, length] of [
      [1, 8],
      [-1, 4],
      [9, 0],
      [0, -1],
    ] as const) {
      expect(() => readInto(fd, at, length, 0)).toThrow(RangeError);
    }
    expect(native.fstat(fd)).toMatchObject({ size: 10 });
    native.close(fd);
    expect(codeOf(() => native.close(fd))).toBe('EBADF');
    expect(codeOf(() => readInto(fd, 0, 8, 0))).toBe('EBADF');
    expect(codeOf(() => native.openAt(undefined, join(base, 'absent'), constants.O_RDONLY))).toBe('ENOENT');
    const list = (path: string) => {
      const dirFd = native.openAt(undefined, path, constants.O_RDONLY | constants.O_DIRECTORY);
      const { names, others } = native.readDirectory(dirFd);
      native.close(dirFd);
      return {
        names: names.sort(),
        others: [...others.keys()].sort(),
        directories: [...others].filter(([, is]) => is).map(([name]) => name),
      };
    };
    expect(list(base)).toEqual({
      names: ['dir', 'file', 'link', 'raw-\u00ff'],
      others: ['dir', 'link'],
      directories: ['dir'],
    });
    expect(list(join(base, 'dir'))).toEqual({
      names: readdirSync(join(base, 'dir')).sort(),
      others: [],
      directories: [],
    });
  });

  test('failures carry the code of the system and become typed errors', () => {
    const error = thrown(() => native.listXattrs(join(dir, 'absent')));
    expect((error as NodeJS.ErrnoException).code).toBe('ENOENT');
    expect(isCtxsrcError(ioError(error, 'cannot read it'), 'E_PATH_NOT_FOUND')).toBe(true);
    expect(codeOf(() => native.setTimes(join(dir, 'absent'), 0n))).toBe('ENOENT');
    expect(codeOf(() => native.setXattr(join(dir, 'absent'), 'user.x', Buffer.from('')))).toBe('ENOENT');
    expect(codeOf(() => native.listXattrs(99999))).toBe('EBADF');
  });

  test('a NUL in a path or name is refused, not cut off', () => {
    writeFileSync(join(dir, 'nul'), 'x');
    expect(codeOf(() => native.listXattrs(`${join(dir, 'nul')}\0more`))).toBe('EINVAL');
    expect(codeOf(() => native.listXattrs(Buffer.from(`${join(dir, 'nul')}\0more`)))).toBe('EINVAL');
    expect(codeOf(() => native.setXattr(join(dir, 'nul'), 'user.a\0b', Buffer.from('v')))).toBe('EINVAL');
    expect(codeOf(() => native.listXattrs(''))).toBe('ENOENT');
  });
});

test('device numbers come apart as they were put together', () => {
  expect(deviceOf(0x0103)).toBe('1:3');
  expect(deviceOf(0n)).toBe('0:0');
});
