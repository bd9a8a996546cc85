import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { readNamedFile, readSmallFileSync, streamOf } from '../../src/fs/small-file.ts';
import { failureCode, failureText } from '../support/failure-code.ts';
import { tempDir } from '../support/temp.ts';

const dir = tempDir('small-file');
const what = 'the note';

describe('a regular file', () => {
  test('is read whole, through links, up to the limit', async () => {
    const path = join(dir, 'note');
    writeFileSync(path, 'x'.repeat(5000));
    symlinkSync('note', join(dir, 'link'));
    expect(readSmallFileSync(join(dir, 'link'), { what, within: dir, maxBytes: 5000 })).toHaveLength(5000);
    expect(await readNamedFile('note', { what, cwd: dir })).toHaveLength(5000);
    expect(await failureText(readNamedFile(path, { what, maxBytes: 4999 }))).toBe(
      'E_LIMIT the note is larger than 4999 bytes, the most that is read',
    );
  });

  test('is not believed when it says how large it is', async () => {
    expect(readSmallFileSync('/proc/self/status', { what }).toString()).toContain('Pid:');
    expect(await failureCode(readNamedFile('/proc/self/status', { what, maxBytes: 10 }))).toBe('E_LIMIT');
  });

  test('of gigabytes is refused before a byte is read', async () => {
    const path = join(dir, 'endless');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
    expect(await failureCode(readNamedFile(path, { what }))).toBe('E_LIMIT');
  });

  test('must lie where it has to', async () => {
    const inner = join(dir, 'inner');
    mkdirSync(inner);
    writeFileSync(join(dir, 'secret'), 'secret');
    symlinkSync('../secret', join(inner, 'out'));
    const within = inner;
    await expect(async () =>
      readSmallFileSync(join(inner, 'out'), { what, within, hint: 'type this' }),
    ).rejects.toMatchObject({
      code: 'E_UNSAFE',
      message: `the note is a link that leads out of ${inner}`,
      hint: 'type this',
    });
    expect(await failureCode(readNamedFile(join(inner, 'none'), { what, within }))).toBe('E_PATH_NOT_FOUND');
  });
});

test('nothing but a regular file is waited for: a pipe, a device, a socket, a directory', async () => {
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  mkdirSync(join(dir, 'folder'));
  symlinkSync('/dev/zero', join(dir, 'zero'));
  const server = createServer().listen(join(dir, 'socket'));
  await once(server, 'listening');
  const refused = async (name: string) => failureText(readNamedFile(join(dir, name), { what }));
  expect(await refused('pipe')).toBe('E_UNSAFE the note is a pipe, not a regular file');
  expect(await refused('zero')).toBe('E_UNSAFE the note is a device, not a regular file');
  expect(await refused('socket')).toBe('E_UNSAFE the note is a socket, not a regular file');
  expect(await refused('folder')).toBe('E_UNSAFE the note is a directory, not a regular file');
  server.close();
});

describe('a stream', () => {
  const open: number[] = [];
  afterEach(() => {
    for (const fd of open.splice(0)) closeSync(fd);
  });

  /** The name of the end that is read, and the end that is written to. */
  function pipe(name: string): { path: string; input: number; close(): void } {
    execFileSync('mkfifo', [join(dir, name)]);
    const reading = openSync(join(dir, name), constants.O_RDONLY | constants.O_NONBLOCK);
    const input = openSync(join(dir, name), constants.O_WRONLY);
    open.push(input);
    return { path: `/dev/fd/${reading}`, input, close: () => closeSync(open.pop()!) };
  }

  test('is what - and the names of open files stand for', () => {
    expect(['-', '/dev/stdin', '/dev/fd/0', '/dev/fd/63', '/proc/self/fd/7'].map(streamOf)).toEqual([0, 0, 0, 63, 7]);
    expect(['./-', '/dev/fd/x', '/dev/fd/', '/dev/fd/1/2', '/dev/zero', ''].map(streamOf)).toEqual(
      Array(6).fill(undefined),
    );
  });

  test('is read to its end', async () => {
    const { path, input, close } = pipe('whole');
    writeSync(input, 'one ');
    const reading = readNamedFile(path, { what });
    writeSync(input, 'two');
    close();
    expect((await reading).toString()).toBe('one two');
  });

  test('is read up to the limit', async () => {
    const { path, input } = pipe('much');
    writeSync(input, 'x'.repeat(11));
    expect(await failureCode(readNamedFile(path, { what, maxBytes: 10 }))).toBe('E_LIMIT');
  });

  test('can be given up', async () => {
    const { path } = pipe('silent');
    await expect(readNamedFile(path, { what, signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout/);
    await expect(readNamedFile('-', { what, signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow(
      'before',
    );
  });

  test('that is endless, or no open file, is refused', async () => {
    const zero = openSync('/dev/zero', 'r');
    open.push(zero);
    expect(await failureCode(readNamedFile(`/dev/fd/${zero}`, { what, maxBytes: 1 << 20 }))).toBe('E_LIMIT');
    expect(await failureText(readNamedFile('/dev/fd/999999', { what }))).toMatch(
      /cannot read the note: .*bad file descriptor/i,
    );
  });
});
