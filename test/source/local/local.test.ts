import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Attributes, JobContext, Recipe, SourceEnv, WriteOptions } from '../../../src/contract/index.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { silentProgress } from '../../../src/core/progress.ts';
import { textOfTime } from '../../../src/fs/entry/time.ts';
import { loadNative } from '../../../src/fs/native/native.ts';
import { source } from '../../../src/source/local/source.ts';
import { parseReference } from '../../../src/source/parse.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';

let dir: string;
let root: string;
let recipe: Recipe | undefined;

beforeEach(() => {
  dir = tempDir('local');
  root = join(dir, 'app');
  mkdirSync(join(root, 'src'), { recursive: true });
  writeFileSync(join(root, 'src', 'main.c'), 'int main;');
  writeFileSync(join(root, 'src', 'main.o'), 'object');
  writeFileSync(join(root, 'README.md'), 'read me');
  recipe = undefined;
});

const job: JobContext = {
  session: {
    id: 'session1',
    credentials: async () => undefined,
    secret: async () => undefined,
    localDirectory: () => undefined,
  },
  signal: new AbortController().signal,
  progress: silentProgress,
};

function instance(attributes: Attributes = {}, reference = root, limits?: SourceEnv['limits']) {
  const env = {
    store: {
      root: join(dir, 'store'),
      ref: async (given: Recipe) => {
        recipe = given;
        return { id: given.id };
      },
    },
    statCache: true,
    limits,
  } as unknown as SourceEnv;
  return source.resolve(source.identify(parseReference(reference), attributes), env);
}

/** The notes that a key comes with. */
async function notesOf(attributes: Attributes = {}, reference = root): Promise<string[]> {
  const notes: string[] = [];
  const progress: JobContext['progress'] = {
    emit: (event) => {
      if (event.type === 'message') notes.push(`${event.level}: ${event.text} (${event.hint})`);
    },
  };
  await instance(attributes, reference).cacheKey({ ...job, progress }, 1);
  return notes;
}

const keyOf = async (attributes: Attributes = {}, reference = root) =>
  (await instance(attributes, reference).cacheKey(job, 1)).key;

const WRITE: WriteOptions = {
  owner: 'auto',
  mode: 'auto',
  limits: { maxBytes: 1e9, maxFiles: 1e6, maxRatio: 1000 },
};

async function write(attributes: Attributes = {}, options: Partial<WriteOptions> = {}) {
  await instance(attributes).snapshot(job);
  const target = join(dir, `target-${Math.random()}`);
  mkdirSync(target, { mode: 0o700 });
  return { target, report: await recipe!.produce(job, target, { ...WRITE, ...options }) };
}

describe('the identifier', () => {
  test.each(['./app', '/srv/app/', 'local://app', 'web=./app', '.'])(
    'of %s is understood again from what it prints',
    (text) => {
      const id = source.identify(parseReference(text), { exclude: ['*.log'] });
      const again = source.identify(parseReference(String(id)), id.attributes);
      expect(again.toJSON()).toEqual(id.toJSON());
      expect(String(again)).toBe(String(id));
      expect(again.localPath).toBe(id.localPath);
    },
  );

  test('refuses what means nothing', () => {
    const ref = parseReference('./app');
    expect(() => source.identify(parseReference('local://'), {})).toThrow(/names no directory/);
    expect(() => source.identify(ref, { modes: 'loose' })).toThrow(/exact or exec/);
    expect(() => source.identify(ref, { 'ignore-file': 'x', 'no-ignore-file': true })).toThrow(/exclude each other/);
    expect(() => source.identify(ref, { 'session-id': '' })).toThrow(/no usable value/);
  });

  test('is spelt anew for another directory', () => {
    expect(source.rebase!(parseReference('./app'), '/srv/a', '/srv/b')).toBe('../a/app');
  });
});

describe('the keys', () => {
  test('index 0 is the definition in a session, index 1 the content, which comes last', async () => {
    const { key, pin, preimage, done } = await instance({ exclude: ['*.log'] }).cacheKey(job, 0);
    expect(done).toBe(false);
    expect(preimage).toBe(
      '{"SessionID":"session1","IncludePatterns":null,"ExcludePatterns":["*.log"],"FollowPaths":null}',
    );
    expect(key).toBe(`session:context:${sha256(preimage!)}`);
    expect(pin).toBe(sha256(preimage!));
    const content = await instance().cacheKey(job, 1);
    expect(content).toMatchObject({
      done: true,
      pin: content.key,
      incomplete: loadNative() === undefined ? ['xattrs'] : [],
    });
    expect(sha256(content.preimage!)).toBe(content.key);
    expect((await instance().cacheKey(job, 2)).key).toBe(content.key);
  });

  test('a name and a session become part of the definition', async () => {
    const { key } = await instance({ 'session-id': 'client:abc' }, `base=${root}`).cacheKey(job, 0);
    expect(key).toMatch(/^session:client-base:sha256:/);
    expect((await instance({ 'session-id': 'x' }).cacheKey(job, 0)).preimage).toContain('"SessionID":"x"');
  });

  test('the patterns of the ignore file go before those of the flags', async () => {
    writeFileSync(join(root, '.dockerignore'), '# objects\n*.o\n!keep.o\n');
    const { preimage } = await instance({ exclude: ['z'] }).cacheKey(job, 0);
    expect(preimage).toContain('"ExcludePatterns":["*.o","!keep.o","z"]');
  });

  test("the Dockerfile's own ignore file wins, for the main context only", async () => {
    writeFileSync(join(root, '.dockerignore'), 'general\n');
    const patterns = async (attributes: Attributes, reference = root) =>
      /"ExcludePatterns":(.*?),"Follow/.exec((await instance(attributes, reference).cacheKey(job, 0)).preimage!)?.[1];
    expect(await patterns({})).toBe('["general"]');
    writeFileSync(join(root, 'Dockerfile.dockerignore'), 'specific\n');
    writeFileSync(join(root, 'src', 'app.Dockerfile.dockerignore'), 'of the app\n');
    for (const name of ['src/app.Dockerfile', 'other']) writeFileSync(join(root, name), 'FROM scratch\n');
    expect(await patterns({})).toBe('["specific"]');
    expect(await patterns({ file: join(root, 'src', 'app.Dockerfile') })).toBe('["of the app"]');
    expect(await patterns({ file: join(root, 'other') })).toBe('["general"]');
    expect(await patterns({}, `base=${root}`)).toBe('["general"]');
    expect(await patterns({ 'no-ignore-file': true })).toBe('null');
    expect(await patterns({ 'ignore-file': join(root, 'Dockerfile.dockerignore') })).toBe('["specific"]');
    await expect(patterns({ file: join(root, 'none') })).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
    await expect(patterns({ 'ignore-file': join(root, 'none') })).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
  });

  test('an ignore file that leads out of the directory is refused', async () => {
    writeFileSync(join(dir, 'outside'), 'x');
    symlinkSync('../outside', join(root, '.dockerignore'));
    await expect(keyOf()).rejects.toMatchObject({ code: 'E_UNSAFE' });
  });

  test('so is the one beside a Dockerfile', async () => {
    writeFileSync(join(dir, 'outside'), 'x');
    symlinkSync('../outside', join(root, 'Dockerfile.dockerignore'));
    await expect(keyOf()).rejects.toMatchObject({ code: 'E_UNSAFE' });
    expect(await keyOf({}, `base=${root}`)).toMatch(/^sha256:/);
  });

  test('a link to one within the directory is followed', async () => {
    writeFileSync(join(root, 'src', 'ignored'), 'README.md');
    symlinkSync('src/ignored', join(root, '.dockerignore'));
    expect(await keyOf()).toBe(await keyOf({ exclude: ['README.md'], 'no-ignore-file': true }));
  });

  test('a bad pattern is told by its file and line', async () => {
    const patternError = async (attributes: Attributes = {}) =>
      instance(attributes)
        .cacheKey(job, 1)
        .catch((error: unknown) => error);
    writeFileSync(join(root, '.dockerignore'), '# windows\n\nbin\\\n');
    const hint = expect.stringContaining('is no separator');
    expect(await patternError()).toMatchObject({
      code: 'E_PATTERN',
      message: 'invalid exclude patterns: syntax error in pattern .dockerignore line 3: bin\\',
      hint,
    });
    writeFileSync(join(root, '.dockerignore'), 'a\n[z-a]\n');
    expect(await patternError()).toMatchObject({
      message: 'syntax error in pattern .dockerignore line 2: [z-a]',
      hint,
    });
    writeFileSync(join(root, '.dockerignore'), '!\n');
    expect(await patternError({ exclude: ['['] })).toMatchObject({
      message: 'invalid exclude patterns: illegal exclusion pattern: .dockerignore line 1: !',
    });
    expect(await patternError({ exclude: ['['], 'no-ignore-file': true })).toMatchObject({
      message: 'invalid exclude patterns: syntax error in pattern --exclude [',
    });
  });

  test('is the same by way of a link, and in a folder that gives its group to what is in it', async () => {
    const key = await keyOf({ modes: 'exec' });
    symlinkSync('app', join(dir, 'linked'));
    for (const path of ['linked', 'linked/']) expect(await keyOf({ modes: 'exec' }, join(dir, path))).toBe(key);
    for (const folder of [root, join(root, 'src')]) chmodSync(folder, 0o2775);
    expect(await keyOf({ modes: 'exec' })).toBe(key);
  });

  test('an ignore file may begin with a mark of its encoding, and have lines as Windows ends them', async () => {
    writeFileSync(join(root, '.dockerignore'), '\ufeff**/*.o\r\nREADME.md\r\n');
    const { target } = await write({ exclude: ['.dockerignore'] });
    expect(listTree(target).map(({ path }) => path)).toEqual(['src', 'src/main.c']);
  });

  test('what would make another key of the same content in each clone is told once, unless it is left out', async () => {
    expect(await notesOf()).toEqual([]);
    mkdirSync(join(root, '.git'));
    writeFileSync(join(root, '.git', 'index'), 'of this clone');
    const note =
      `note: .git is part of local://${root}: it is another in each clone, and so is the key ` +
      '(put .git into .dockerignore (the build leaves it out too), or add --exclude .git for the key alone)';
    for (let i = 0; i < 2; i += 1) expect(await notesOf()).toEqual([note]);
    expect(await notesOf({ exclude: ['*', '!.git/index'] })).toEqual([note]);
    for (const attributes of [{ exclude: ['.git'] }, { include: ['src'] }, { exclude: ['*', '!.git/none'] }]) {
      expect(await notesOf(attributes)).toEqual([]);
    }
    writeFileSync(join(root, '.dockerignore'), '.git\n');
    expect(await notesOf()).toEqual([]);
  });

  test('an ignore file that builders pass over in silence is told of', async () => {
    const file = join(root, '.dockerignore');
    for (const [order, bytes] of [
      ['le', Buffer.from('\ufeffsrc\n', 'utf16le')],
      ['be', Buffer.from('\ufeffsrc\n', 'utf16le').swap16()],
      ['unmarked', Buffer.from('src\n', 'utf16le')],
    ] as const) {
      writeFileSync(file, bytes);
      const [note] = await notesOf();
      expect(note, order).toContain('the ignore file .dockerignore is no UTF-8 but seems to be UTF-16');
    }
    rmSync(file);
    const without = await keyOf();
    mkdirSync(file);
    expect(await notesOf()).toEqual([expect.stringContaining('the ignore file .dockerignore is a directory')]);
    expect(await keyOf({ exclude: ['.dockerignore'] })).toBe(without);
    mkdirSync(join(root, 'Dockerfile.dockerignore'));
    expect(await notesOf()).toHaveLength(2);
    rmSync(file, { recursive: true });
    rmSync(join(root, 'Dockerfile.dockerignore'), { recursive: true });
    for (const name of ['.containerignore', 'Dockerfile.containerignore']) {
      writeFileSync(join(root, name), 'src\n');
      expect(await notesOf()).toEqual([
        expect.stringMatching(`^note: ${name} is not read.*--ignore-file .*${name}, or rename it to .*dockerignore`),
      ]);
      expect(await notesOf({ 'ignore-file': join(root, name) })).toEqual([]);
      rmSync(join(root, name));
    }
  });

  test('each change gives another key; times and places do not', async () => {
    const { cpSync } = await import('node:fs');
    const first = await keyOf();
    cpSync(root, join(dir, 'copy'), { recursive: true });
    utimesSync(join(dir, 'copy', 'README.md'), 1, 1);
    expect(await keyOf({}, join(dir, 'copy'))).toBe(first);
    const seen = new Set([first]);
    const changes = [
      () => writeFileSync(join(root, 'README.md'), 'READ ME'),
      () => chmodSync(join(root, 'README.md'), 0o755),
      () => symlinkSync('src', join(root, 'link')),
      () => mkdirSync(join(root, 'empty')),
      () => writeFileSync(join(root, '.dockerignore'), '**/*.o\n'),
    ];
    for (const change of changes) {
      change();
      const key = await keyOf();
      expect(seen).not.toContain(key);
      seen.add(key);
    }
  });

  test('a missing directory and a file are errors that say so', async () => {
    await expect(keyOf({}, join(dir, 'none'))).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
    await expect(keyOf({}, join(root, 'README.md'))).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
    await expect(keyOf({ exclude: ['['] })).rejects.toMatchObject({ code: 'E_PATTERN' });
  });

  test('an empty directory has no content', async () => {
    expect(await instance({ include: ['nothing'] }).snapshot(job)).toBeNull();
  });
});

describe('the snapshot', () => {
  test('is the filtered tree with modes, nanoseconds, links and hard links', async () => {
    chmodSync(join(root, 'src', 'main.c'), 0o4750);
    symlinkSync('../README.md', join(root, 'src', 'link'));
    linkSync(join(root, 'README.md'), join(root, 'src', 'same'));
    loadNative()?.setXattr(join(root, 'README.md'), 'user.kept', Buffer.from('yes'));
    loadNative()?.setTimes(join(root, 'src', 'link'), 1_234_567_890_123_456_789n);
    const { target, report } = await write({ exclude: ['**/*.o'] });
    const omit = { omit: ['uid', 'gid'] } as const;
    expect(listTree(target, omit)).toEqual(listTree(root, omit).filter(({ path }) => path !== 'src/main.o'));
    expect(report.losses).toEqual([]);
    expect(report.via).toBe('copy');
    const entries = [...report.entries];
    expect(entries.map(({ path, type }) => `${type} ${path}`)).toEqual([
      'file README.md',
      'dir src',
      'symlink src/link',
      'file src/main.c',
      'hardlink src/same',
    ]);
    expect(entries[0]).toMatchObject({
      digest: sha256('read me'),
      size: 7,
      ...(loadNative() && { xattrs: new Map([['user.kept', 'yes']]) }),
    });
    expect(entries[4]).toMatchObject({ target: 'README.md' });
    expect(lstatSync(target).mode & 0o777).toBe(0o755);
  });

  test('has the content of a hard link whose other name is left out', async () => {
    linkSync(join(root, 'README.md'), join(root, 'src', 'same'));
    const { target, report } = await write({ exclude: ['README.md'] });
    expect(readFileSync(join(target, 'src', 'same'), 'utf8')).toBe('read me');
    expect([...report.entries].find(({ path }) => path === 'src/same')?.type).toBe('file');
  });

  test('keeps to the limits', async () => {
    await expect(write({}, { limits: { ...WRITE.limits, maxFiles: 2 } })).rejects.toMatchObject({ code: 'E_LIMIT' });
    await expect(write({}, { limits: { ...WRITE.limits, maxBytes: 10 } })).rejects.toMatchObject({ code: 'E_LIMIT' });
  });

  test('is given up within a large file', async () => {
    await instance().snapshot(job);
    writeFileSync(join(root, 'A'), '');
    truncateSync(join(root, 'A'), 2 ** 40);
    mkdirSync(join(dir, 'stopped'));
    const stopped = { ...job, signal: AbortSignal.timeout(50) };
    await expect(
      recipe!.produce(stopped, join(dir, 'stopped'), { ...WRITE, limits: { ...WRITE.limits, maxBytes: 2 ** 41 } }),
    ).rejects.toThrow(/timeout/);
  });

  test('of a subdirectory, with later times clamped', async () => {
    const { target, report } = await write({}, { filter: { subpath: 'src' }, epoch: 1_000 });
    expect(readdirSync(target).sort()).toEqual(['main.c', 'main.o']);
    expect([...report.entries].map(textOfTime)).toEqual(['1000000000000', '1000000000000']);
    await expect(write({}, { filter: { subpath: 'none' } })).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
    await expect(write({}, { filter: { subpath: 'README.md' } })).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
  });

  test('of chosen paths brings their parents', async () => {
    const { target } = await write({}, { filter: { include: ['src/main.c'] } });
    expect(listTree(target).map(({ path }) => path)).toEqual(['src', 'src/main.c']);
  });

  test('with exec modes has them', async () => {
    chmodSync(join(root, 'README.md'), 0o600);
    const { target } = await write({ modes: 'exec' });
    expect(lstatSync(join(target, 'README.md')).mode & 0o7777).toBe(0o644);
  });

  test.skipIf(loadNative() === undefined)('keeps names that are not UTF-8, and pipes', async () => {
    const name = Buffer.from([0x66, 0xff]);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), 'x');
    loadNative()!.mknod(join(root, 'pipe'), 0o010644, 0, 0);
    const { target, report } = await write();
    expect(readdirSync(target, 'latin1')).toContain('f\u00ff');
    expect(lstatSync(join(target, 'pipe')).isFIFO()).toBe(true);
    expect([...report.entries].map(({ path }) => path)).toContain('f\u00ff');
  });

  test('is an error when the directory is no longer what its key says', async () => {
    await instance().snapshot(job);
    appendFileSync(join(root, 'README.md'), 'more');
    mkdirSync(join(dir, 'late'));
    await expect(recipe!.produce(job, join(dir, 'late'), WRITE)).rejects.toMatchObject({ code: 'E_IO' });
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe('read memore');
  });
});

describe('the description', () => {
  test('says how much there is, what is ignored and by which line', async () => {
    writeFileSync(join(root, '.dockerignore'), '# objects\n\n**/*.o\n');
    chmodSync(join(root, 'README.md'), 0o664);
    const facts = await instance({ exclude: ['.dockerignore'] }).describe!(job, { why: 'src/main.o' });
    expect(facts).toMatchObject({
      key: await keyOf({ exclude: ['.dockerignore'] }),
      files: 2,
      directories: 1,
      bytes: 16,
      ignoreFile: '.dockerignore',
      why: { path: 'src/main.o', ignored: true, by: '.dockerignore', line: 3, pattern: '**/*.o' },
      machineDependent: { modes: { paths: expect.arrayContaining(['README.md']) } },
    });
    expect((facts.largest as { path: string }[])[0]).toEqual({ path: 'src/main.c', size: 9 });
    const { by } = facts.ignored as { by: Record<string, unknown>[] };
    expect(by).toContainEqual({ by: '--exclude', pattern: '.dockerignore', count: 1, paths: ['.dockerignore'] });
  });

  test('keeps to the limits, and can be given up', async () => {
    const limited = (limits: SourceEnv['limits']) => instance({}, root, limits);
    for (const limits of [{ maxFiles: 3 }, { maxBytes: 10 }]) {
      await expect(limited(limits).describe!(job)).rejects.toMatchObject({ code: 'E_LIMIT' });
      await expect(limited(limits).cacheKey(job, 1)).rejects.toMatchObject({ code: 'E_LIMIT' });
      expect((await limited(limits).cacheKey(job, 0)).done).toBe(false);
    }
    expect((await limited({ maxFiles: 4, maxBytes: 1000 }).describe!(job)).files).toBe(3);
  });

  test('tells of a path that is taken, one that is not wanted, and one that is not there', async () => {
    const why = async (path: string, attributes: Attributes = {}) =>
      (await instance(attributes).describe!(job, { why: path })).why;
    expect(await why('src/main.c')).toEqual({ path: 'src/main.c', ignored: false });
    expect(await why('src/main.c', { include: ['README.md'] })).toMatchObject({ ignored: true });
    await expect(why('src/none')).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
    await expect(why('../x')).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});
