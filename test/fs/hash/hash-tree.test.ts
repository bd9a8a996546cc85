import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { EntryRows } from '../../../src/fs/entry/rows.ts';
import { type HashTreeOptions, hashTree } from '../../../src/fs/hash/hash-tree.ts';
import { HashPool } from '../../../src/fs/hash/pool.ts';
import { loadNative } from '../../../src/fs/native/native.ts';
import { CachedReader } from '../../../src/fs/stat-cache/reader.ts';
import { StatCache } from '../../../src/fs/stat-cache/stat-cache.ts';
import { needsOpenCheckout } from '../../support/needs.ts';
import { oracleDigest } from '../../support/properties.ts';
import { tempDir } from '../../support/temp.ts';

afterEach(() => vi.restoreAllMocks());

function makeTree(label: string): string {
  const root = join(tempDir(label), 'tree');
  mkdirSync(join(root, 'd', 'e'), { recursive: true });
  writeFileSync(join(root, 'a'), 'one');
  writeFileSync(join(root, 'd', 'b'), 'two');
  writeFileSync(join(root, 'd', 'e', 'c'), '');
  return root;
}

/** Hashes, and says whether anything had to be read. */
async function hashed(root: string, options: HashTreeOptions): Promise<{ digest: string; status: string }> {
  const events: ProgressEvent[] = [];
  const { digest } = await hashTree(root, { ...options, progress: { emit: (event) => events.push(event) } });
  const end = events.find((event) => event.type === 'end');
  return { digest, status: end?.type === 'end' ? end.status : 'none' };
}

/** Moves the clock of the program, not that of the system. */
function shiftClock(ms: number): void {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => real() + ms);
}

/** What this process has open, as Linux tells it. */
function openFiles(): string[] {
  const dir = '/proc/self/fd';
  if (process.platform !== 'linux') return [];
  return readdirSync(dir).flatMap((fd) => {
    try {
      return [readlinkSync(join(dir, fd))];
    } catch {
      return []; // that of the listing
    }
  });
}

describe('hashTree', () => {
  test('gives the digest that the rules give', async () => {
    const root = makeTree('rules');
    expect((await hashTree(root)).digest).toBe(oracleDigest(root));
    expect((await hashTree(root)).files).toBe(3);
  });

  test.each([
    ['seen before', true],
    ['not seen before', false],
  ])('a file that changes during the walk, %s, is read as it is then', async (_, seen) => {
    const root = makeTree('changes');
    const cacheDir = seen ? tempDir('cache') : undefined;
    await hashTree(root, { cacheDir });
    const { names } = CachedReader.prototype;
    const listed = vi.spyOn(CachedReader.prototype, 'names').mockImplementation(function (
      this: CachedReader,
      path,
      namesTell,
    ) {
      if (path === 'd') appendFileSync(join(root, 'a'), ' more');
      return names.call(this, path, namesTell);
    });
    const { digest } = await hashTree(root, { cacheDir });
    expect(listed).toHaveBeenCalledWith('d', true);
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('one more');
    expect(digest).toBe(oracleDigest(root));
  });

  test('when the clock is stepped back meanwhile, everything is done again', async () => {
    const root = makeTree('stepped');
    const { names } = CachedReader.prototype;
    let listed = 0;
    vi.spyOn(CachedReader.prototype, 'names').mockImplementation(function (this: CachedReader, path, namesTell) {
      listed += 1;
      if (listed === 2) shiftClock(-10_000);
      return names.call(this, path, namesTell);
    });
    expect((await hashTree(root)).digest).toBe(oracleDigest(root));
    expect(listed).toBe(6);
  });

  test('a file that cannot be read is named', async () => {
    const root = makeTree('unreadable');
    chmodSync(join(root, 'd', 'b'), 0);
    const asRoot = process.getuid?.() === 0;
    if (asRoot) process.seteuid!(65534);
    try {
      await expect(hashTree(root)).rejects.toMatchObject({
        code: 'E_PERMISSION',
        message: expect.stringContaining('d/b'),
      });
      const without = await hashTree(root, { filter: { exclude: ['d'] } });
      expect(without.files).toBe(1);
    } finally {
      if (asRoot) process.seteuid!(0);
    }
  });

  test('a socket counts as an empty file', async () => {
    const root = makeTree('socket');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 's'), resolve));
    const withSocket = (await hashTree(root)).digest;
    await new Promise((resolve) => server.close(resolve));
    writeFileSync(join(root, 's'), '');
    chmodSync(join(root, 's'), 0o755);
    expect(await hashTree(root)).toMatchObject({ digest: withSocket, entries: 6, files: 4 });
  });

  test('with exec modes a checkout under another umask has the same key', async () => {
    const [strict, open] = [makeTree('umask-077'), makeTree('umask-002')];
    for (const [root, file, dir, program] of [
      [strict, 0o600, 0o700, 0o700],
      [open, 0o664, 0o775, 0o775],
    ] as const) {
      writeFileSync(join(root, 'program'), '#!');
      for (const path of ['a', 'd/b', 'd/e/c']) chmodSync(join(root, path), file);
      for (const path of ['d', 'd/e']) chmodSync(join(root, path), dir);
      chmodSync(join(root, 'program'), program);
    }
    const of = async (root: string, modes: 'exact' | 'exec') => (await hashTree(root, { modes })).digest;
    expect(await of(strict, 'exec')).toBe(await of(open, 'exec'));
    expect(await of(strict, 'exact')).not.toBe(await of(open, 'exact'));
    chmodSync(join(open, 'program'), 0o664);
    expect(await of(open, 'exec')).not.toBe(await of(strict, 'exec'));
  });

  test.skipIf(loadNative() === undefined)('an extended attribute changes the key, also of a directory', async () => {
    const root = makeTree('xattr');
    const plain = await hashTree(root);
    expect(plain.incomplete).toEqual([]);
    loadNative()!.setXattr(join(root, 'd'), 'user.x', Buffer.from([1, 0xff]));
    const attributed = await hashTree(root);
    expect(attributed.digest).not.toBe(plain.digest);
    loadNative()!.setXattr(join(root, 'd'), 'user.x', Buffer.from([1, 0xfe]));
    expect((await hashTree(root)).digest).not.toBe(attributed.digest);
  });

  test('an empty tree is one fresh directory', async () => {
    const root = join(tempDir('empty'), 'tree');
    mkdirSync(root);
    chmodSync(root, 0o700);
    expect((await hashTree(root)).digest).toMatch(/^0e5db883/);
  });
});

describe('limits', () => {
  test('bound what is read, also of a tree that is known', async () => {
    const root = makeTree('limits');
    const cacheDir = tempDir('cache');
    shiftClock(10_000);
    const of = (limits: HashTreeOptions['limits']) => hashTree(root, { limits, cacheDir });
    const { digest } = await of(undefined);
    for (let i = 0; i < 2; i += 1) {
      expect((await of({ maxFiles: 5, maxBytes: 6 })).digest).toBe(digest);
      await expect(of({ maxFiles: 4 })).rejects.toMatchObject({
        code: 'E_LIMIT',
        message: `${root} has more than 4 files and directories`,
      });
      await expect(of({ maxBytes: 5 })).rejects.toMatchObject({
        code: 'E_LIMIT',
        message: `the files of ${root} have more than 5 bytes`,
      });
      rmSync(cacheDir, { recursive: true });
    }
  });

  test('of bytes are known before a byte is read', async () => {
    const root = makeTree('endless');
    writeFileSync(join(root, 'b'), '');
    truncateSync(join(root, 'b'), 2 ** 42);
    await expect(hashTree(root, { limits: { maxBytes: 2 ** 41 } })).rejects.toMatchObject({ code: 'E_LIMIT' });
  });

  test('an abort ends a walk that takes nothing', async () => {
    const root = makeTree('nothing');
    for (let i = 0; i < 400; i += 1) writeFileSync(join(root, 'd', `file-${i}`), '');
    const exclude = [...Array.from({ length: 1_000 }, (_, i) => `*?*/${'?'.repeat(i % 10)}*[x]`), '**', '!*/none*'];
    await expect(hashTree(root, { filter: { exclude }, signal: AbortSignal.timeout(100) })).rejects.toThrow(/timeout/);
  });
});

describe('threads', () => {
  /** A tree that threads start for, which then read all of it: this thread takes no file. */
  function threadedTree(label: string): { root: string; sent: ReturnType<typeof spyOnCrew> } {
    const root = makeTree(label);
    for (let i = 0; i < 100; i += 1) writeFileSync(join(root, `file-${i}`), `content ${i}`);
    vi.spyOn(EntryRows.prototype, 'take').mockReturnValue(false);
    return { root, sent: spyOnCrew() };
  }
  const spyOnCrew = () => vi.spyOn(HashPool.prototype, 'send');
  const threadsAt = { files: 50, bytes: Number.POSITIVE_INFINITY };

  test('give the same digest', async () => {
    const { root, sent } = threadedTree('threads');
    writeFileSync(join(root, 'large'), '');
    truncateSync(join(root, 'large'), 20_000_000);
    expect((await hashTree(root, { threadsAt })).digest).toBe(oracleDigest(root));
    expect(sent).toHaveBeenCalled();
  });

  test('start for bytes too, while others wait', async () => {
    const { root, sent } = threadedTree('bytes');
    vi.mocked(EntryRows.prototype.take).mockRestore();
    expect((await hashTree(root, { threadsAt: { files: 1000, bytes: 20 } })).digest).toBe(oracleDigest(root));
    expect(sent).toHaveBeenCalled();
  });

  const asRoot = process.getuid?.() === 0;
  const readable = !asRoot || needsOpenCheckout('files that threads cannot read');
  test.skipIf(!readable)('say which file cannot be read', async () => {
    const { root, sent } = threadedTree('threads-unreadable');
    chmodSync(join(root, 'file-7'), 0);
    if (asRoot) process.seteuid!(65534);
    try {
      await expect(hashTree(root, { threadsAt })).rejects.toMatchObject({
        code: 'E_PERMISSION',
        message: expect.stringContaining('file-7'),
      });
    } finally {
      if (asRoot) process.seteuid!(0);
    }
    expect(sent).toHaveBeenCalled();
  });

  test.each([0, 50, 200])('are ended by an abort %i ms after they started, and leave no file open', async (ms) => {
    const { root, sent } = threadedTree('abort');
    for (let i = 0; i < 4; i += 1) {
      writeFileSync(join(root, `a-large-${i}`), '');
      truncateSync(join(root, `a-large-${i}`), 2_000_000_000);
    }
    const closed = vi.spyOn(HashPool.prototype, 'close');
    const controller = new AbortController();
    sent.mockImplementationOnce(function (this: HashPool, chunk) {
      void setTimeout(ms).then(() => controller.abort());
      HashPool.prototype.send.call(this, chunk);
    });
    await expect(hashTree(root, { signal: controller.signal, threadsAt })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(sent).toHaveBeenCalled();
    expect(closed).toHaveBeenCalled();
    expect(openFiles().filter((path) => path.startsWith(root))).toEqual([]);
  });

  test('an abort while this thread reads a large file leaves it closed', async () => {
    const root = makeTree('abort-alone');
    writeFileSync(join(root, 'large'), '');
    truncateSync(join(root, 'large'), 2_000_000_000);
    const running = hashTree(root, { signal: AbortSignal.timeout(50) });
    await expect(running).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(openFiles().filter((path) => path.startsWith(root))).toEqual([]);
  });
});

describe('the stat cache', () => {
  test('an unchanged tree is not read again', async () => {
    const root = makeTree('unchanged');
    const cacheDir = tempDir('cache');
    shiftClock(10_000);
    const first = await hashed(root, { cacheDir });
    expect(first.status).toBe('done');
    expect(await hashed(root, { cacheDir })).toEqual({ digest: first.digest, status: 'cached' });
    expect(await hashed(root, {})).toEqual({ digest: first.digest, status: 'done' });
  });

  test('what is younger than the slack is not kept', async () => {
    const root = makeTree('young');
    const cacheDir = tempDir('cache');
    await hashed(root, { cacheDir });
    expect((await hashed(root, { cacheDir })).status).toBe('done');
    const [at, mt] = [new Date(1_000_000), new Date(1_000_000)];
    utimesSync(join(root, 'a'), at, mt);
    const before = await hashed(root, { cacheDir });
    writeFileSync(join(root, 'a'), 'uno');
    utimesSync(join(root, 'a'), at, mt);
    const after = await hashed(root, { cacheDir });
    expect(after.digest).not.toBe(before.digest);
    expect(after.digest).toBe(oracleDigest(root));
  });

  test('a directory that is as it was is not listed, unless the filter hides what lies in it', async () => {
    const root = makeTree('listed');
    const cacheDir = tempDir('cache');
    shiftClock(10_000);
    const listed = vi.spyOn(StatCache.prototype, 'names');
    const found = () => listed.mock.results.filter(({ value }) => value !== undefined).length;
    await hashed(root, { cacheDir });
    expect(found()).toBe(0);
    await hashed(root, { cacheDir });
    expect(found()).toBe(2);
    await setTimeout(20);
    writeFileSync(join(root, 'd', 'new'), '');
    listed.mockClear();
    expect((await hashed(root, { cacheDir })).digest).toBe(oracleDigest(root));
    expect(found()).toBe(1);
    listed.mockClear();
    for (const exclude of [
      ['a', '!d'],
      ['d/*', '!d/e'],
      ['d/e', './!d/e/c'],
      ['d/e', '\u0085x/../!d/e/c'],
    ]) {
      for (let i = 0; i < 2; i += 1) await hashed(root, { cacheDir, filter: { exclude } });
    }
    expect(found()).toBe(0);
  });

  test('nor is one that include patterns or follow paths take whole, as long as links lead where they led', async () => {
    const root = makeTree('followed');
    const cacheDir = tempDir('cache');
    symlinkSync('d/b', join(root, 'l'));
    shiftClock(10_000);
    const listed = vi.spyOn(StatCache.prototype, 'names');
    const found = () => listed.mock.results.filter(({ value }) => value !== undefined).length;
    for (const filter of [{ follow: ['d'] }, { include: ['d'], exclude: ['a'] }]) {
      listed.mockClear();
      const first = await hashed(root, { cacheDir, filter });
      expect(await hashed(root, { cacheDir, filter })).toEqual({ digest: first.digest, status: 'cached' });
      expect(found()).toBe(2);
    }
    listed.mockClear();
    for (const filter of [
      { include: ['d/*'] },
      { include: ['d', '!d/e/c'] },
      { include: ['d'], exclude: ['d/e', '!d/e/c'] },
    ]) {
      for (let i = 0; i < 2; i += 1) await hashed(root, { cacheDir, filter });
    }
    // What lies in d/e is taken with it by the first one alone.
    expect(found()).toBe(1);
    const filter = { follow: ['l'] };
    await hashed(root, { cacheDir, filter });
    rmSync(join(root, 'l'));
    symlinkSync('d', join(root, 'l'));
    expect((await hashed(root, { cacheDir, filter })).digest).toBe((await hashed(root, { filter })).digest);
  });

  test('content that changes with size and mtime kept is seen by its ctime', async () => {
    const root = makeTree('ctime');
    const cacheDir = tempDir('cache');
    shiftClock(10_000);
    const before = await hashed(root, { cacheDir });
    const time = new Date(1_000_000);
    writeFileSync(join(root, 'a'), 'uno');
    utimesSync(join(root, 'a'), time, time);
    expect((await hashed(root, { cacheDir })).digest).not.toBe(before.digest);
  });

  test('a cache from the future is ignored: the clock was stepped back', async () => {
    const root = makeTree('future');
    const cacheDir = tempDir('cache');
    shiftClock(3_600_000);
    const { digest } = await hashed(root, { cacheDir });
    vi.restoreAllMocks();
    shiftClock(10_000);
    expect(await hashed(root, { cacheDir })).toEqual({ digest, status: 'done' });
  });

  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
    ['empty', () => Buffer.alloc(0)],
    ['changed in one bit', (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 200 ? byte ^ 1 : byte)))],
    ['of another machine', (bytes: Buffer) => reseal(bytes, (header) => ({ ...header, machine: 'another' }))],
    ['of another format', (bytes: Buffer) => reseal(bytes, (header) => ({ ...header, format: 'older' }))],
  ])('a cache that is %s is ignored, and replaced', async (_, damage) => {
    const root = makeTree('damage');
    const cacheDir = tempDir('cache');
    shiftClock(10_000);
    const { digest } = await hashed(root, { cacheDir });
    const [name] = readdirSync(cacheDir);
    const file = join(cacheDir, name!);
    writeFileSync(file, damage(readFileSync(file)));
    expect(await hashed(root, { cacheDir })).toEqual({ digest, status: 'done' });
    expect(await hashed(root, { cacheDir })).toEqual({ digest, status: 'cached' });
  });

  test('each filter and each way of keeping modes has its own', async () => {
    const root = makeTree('variants');
    const cacheDir = tempDir('cache');
    chmodSync(join(root, 'a'), 0o600);
    shiftClock(10_000);
    for (const options of [
      {},
      { modes: 'exec' as const },
      { filter: { exclude: ['d'] } },
      { origin: 'scan' as const },
    ]) {
      const plain = await hashed(root, options);
      for (let i = 0; i < 2; i += 1) expect((await hashed(root, { ...options, cacheDir })).digest).toBe(plain.digest);
    }
  });

  test('additions and removals do not shift what is known', async () => {
    const root = makeTree('shift');
    const cacheDir = tempDir('cache');
    shiftClock(10_000);
    await hashed(root, { cacheDir });
    writeFileSync(join(root, 'A'), 'first');
    expect((await hashed(root, { cacheDir })).digest).toBe(oracleDigest(root));
    writeFileSync(join(root, 'd', 'zz'), 'later');
    expect((await hashed(root, { cacheDir })).digest).toBe(oracleDigest(root));
    expect((await hashed(root, { cacheDir })).status).toBe('cached');
  });

  test('several runs at once leave one whole cache', async () => {
    const root = makeTree('at-once');
    const cacheDir = tempDir('cache');
    shiftClock(10_000);
    const all = await Promise.all(Array.from({ length: 6 }, () => hashed(root, { cacheDir })));
    expect(new Set(all.map(({ digest }) => digest)).size).toBe(1);
    expect(readdirSync(cacheDir)).toHaveLength(1);
    expect((await hashed(root, { cacheDir })).status).toBe('cached');
  });

  test('a folder that cannot be written costs time only', async () => {
    const root = makeTree('read-only');
    const { digest } = await hashed(root, {});
    writeFileSync(join(root, '..', 'file'), '');
    expect((await hashed(root, { cacheDir: join(root, '..', 'file', 'cache') })).digest).toBe(digest);
  });
});

/** The file with other facts and a checksum that fits. */
function reseal(bytes: Buffer, change: (facts: Record<string, unknown>) => unknown): Buffer {
  const end = bytes.readUInt32LE(0);
  const facts = JSON.parse(bytes.toString('utf8', end, bytes.length - 32)) as Record<string, unknown>;
  const changed = Buffer.from(JSON.stringify(change(facts)));
  const body = Buffer.concat([bytes.subarray(0, end), changed]);
  body.writeUInt32LE(changed.length, 4);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}
