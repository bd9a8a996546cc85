import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ContextOptions, openContext } from '../../../src/build/content/context.ts';
import { ROOT, type Selection } from '../../../src/build/step/selection.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { needsRoot } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';

let root: string;

beforeEach(() => {
  root = tempDir('context');
});

function write(files: Readonly<Record<string, string>>, under = root): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(under, path)), { recursive: true });
    writeFileSync(join(under, path), content);
  }
}

/** A path of COPY, or what is given instead. */
const taking = (path: string, more: Partial<Selection> = {}): Selection => ({
  ...ROOT,
  path,
  wildcard: /[*?[]/.test(path),
  ...more,
});

async function digest(selections: readonly Selection[], options?: ContextOptions, directory = root): Promise<string> {
  return (await openContext(directory, options)).digest(selections);
}

async function paths(selections: readonly Selection[], options?: ContextOptions): Promise<string[]> {
  return (await (await openContext(root, options)).entries(selections)).map(({ path }) => path);
}

/** Whether a change of the files changes what a selection takes. */
async function changes(
  selections: readonly Selection[],
  change: () => void,
  options?: ContextOptions,
): Promise<boolean> {
  const before = await digest(selections, options);
  change();
  return (await digest(selections, options)) !== before;
}

const edit = (path: string) => () => appendFileSync(join(root, path), 'more');

describe('a bind mount', () => {
  beforeEach(() => write({ 'gen/a.c': 'a', 'other/b.c': 'b' }));

  test('takes the content of its source', async () => {
    expect(await changes([taking('/gen')], edit('gen/a.c'))).toBe(true);
    expect(await changes([taking('/gen')], edit('other/b.c'))).toBe(false);
  });

  test('without a source takes everything', async () => {
    expect(await changes([ROOT], edit('other/b.c'))).toBe(true);
    expect(await changes([], edit('gen/a.c'))).toBe(true);
  });
});

describe('COPY --parents', () => {
  const below = taking('/', { include: ['**/*.go'] });
  const plain = taking('/x', { include: ['y/z'], required: ['/x/y/z'] });

  test('takes what its pattern finds, with the directories on the way', async () => {
    write({ 'a/m.go': 'm', 'a/m.txt': 't', 'x/y/z': 'z', 'x/y/w': 'w' });
    expect(await paths([below])).toEqual(['a', 'a/m.go']);
    expect(await paths([plain])).toEqual(['x', 'x/y', 'x/y/z']);
    expect(await changes([below], () => write({ 'new/q.go': 'q' }))).toBe(true);
    expect(await changes([below], edit('a/m.txt'))).toBe(false);
    expect(await changes([below], () => chmodSync(join(root, 'a'), 0o700))).toBe(true);
  });

  test('without a wildcard fails where nothing is', async () => {
    write({ 'x/y/w': 'w' });
    await expect(digest([plain])).rejects.toMatchObject({
      code: 'E_PATH_NOT_FOUND',
      exit: 3,
      message: 'there is no x/y/z in the build context',
    });
  });
});

describe('COPY --exclude', () => {
  beforeEach(() => write({ 'd/a.1': '1', 'd/s/a.1': '1' }));

  test('leaves out at the depth of its pattern', async () => {
    const selection = [taking('/d', { exclude: ['*.1'] })];
    expect(await paths(selection)).toEqual(['d', 'd/s', 'd/s/a.1']);
    expect(await changes(selection, edit('d/a.1'))).toBe(false);
    expect(await changes(selection, edit('d/s/a.1'))).toBe(true);
  });

  test('of nothing is another digest of the same files', async () => {
    const [with_, without] = [[taking('/d', { exclude: ['none'] })], [taking('/d')]];
    expect(await digest(with_)).not.toBe(await digest(without));
    expect(await paths(with_)).toEqual(await paths(without));
  });
});

describe('ignored files', () => {
  const options = { exclude: ['out', '!out/keep/*'] };

  test('do not count, exceptions below an ignored directory do', async () => {
    write({ 'out/x': 'x', 'out/keep/y': 'y', 'out/keep/deep/z': 'z', a: 'a' });
    expect(await paths([ROOT], options)).toEqual([
      'a',
      'out',
      'out/keep',
      'out/keep/deep',
      'out/keep/deep/z',
      'out/keep/y',
    ]);
    expect(await changes([ROOT], edit('out/x'), options)).toBe(false);
    expect(await changes([ROOT], edit('out/keep/y'), options)).toBe(true);
  });
});

describe('modes', () => {
  beforeEach(() => {
    write({ f: 'f' });
    chmodSync(join(root, 'f'), 0o644);
  });
  const chmod = (mode: number) => () => chmodSync(join(root, 'f'), mode);

  test('count in all their bits', async () => {
    expect(await changes([taking('/f')], chmod(0o664))).toBe(true);
    expect(await changes([taking('/f')], chmod(0o2664))).toBe(true);
  });

  test('of a checkout do not count with --modes exec, but for who may execute', async () => {
    const options = { modes: 'exec' } as const;
    expect(await changes([taking('/f')], chmod(0o664), options)).toBe(false);
    expect(await changes([taking('/f')], chmod(0o775), options)).toBe(true);
  });

  test('are told with each path', async () => {
    chmod(0o664)();
    const [exact, exec] = await Promise.all([openContext(root), openContext(root, { modes: 'exec' })]);
    expect((await exact.entries([ROOT]))[0]).toMatchObject({ path: 'f', type: 'file', mode: 0o664 });
    expect((await exec.entries([ROOT]))[0]).toMatchObject({ path: 'f', type: 'file', mode: 0o644 });
  });
});

describe('times, places and owners', () => {
  beforeEach(() => write({ 'src/f': 'f' }));

  test('do not count', async () => {
    expect(await changes([ROOT], () => utimesSync(join(root, 'src/f'), 1, 1))).toBe(false);
    const elsewhere = join(tempDir('clone'), 'deeper');
    cpSync(root, elsewhere, { recursive: true });
    expect(await digest([ROOT], {}, elsewhere)).toBe(await digest([ROOT]));
  });

  test.skipIf(!needsRoot('owners'))('owners do not either', async () => {
    expect(await changes([ROOT], () => chownSync(join(root, 'src/f'), 12, 34))).toBe(false);
  });
});

describe('names', () => {
  test('below a wildcard and of each source count; where a file lies does not', async () => {
    write({ x: 'same', Gemfile: 'g', 'Gemfile.lock': 'l', 'a/f': 'same', 'b/f': 'same' });
    const all = [taking('/*')];
    expect(await changes(all, () => renameSync(join(root, 'x'), join(root, 'y')))).toBe(true);
    expect(await changes([taking('/Gemfile'), taking('/Gemfile.lock')], edit('Gemfile.lock'))).toBe(true);
    expect(await digest([taking('/a/f')])).toBe(await digest([taking('/b/f')]));
  });
});

describe('links', () => {
  beforeEach(() => {
    write({ t: 't', u: 'u', 'd/f': 'f' });
    symlinkSync('t', join(root, 'l'));
    symlinkSync('../t', join(root, 'd/l'));
  });
  const point = (link: string, target: string) => () => {
    rmSync(join(root, link));
    symlinkSync(target, join(root, link));
  };

  test('that are named count as what they lead to', async () => {
    const options = { followPaths: ['l'] };
    expect(await changes([taking('/l')], edit('t'), options)).toBe(true);
    expect(await changes([taking('/l')], point('l', 'u'), options)).toBe(true);
    expect(await paths([taking('/l')], options)).toEqual(['u']);
  });

  test('in a directory count as their text', async () => {
    expect(await changes([taking('/d')], edit('t'))).toBe(false);
    expect(await changes([taking('/d')], point('d/l', '../u'))).toBe(true);
  });

  test('lead to directories whatever their names are made of', async () => {
    for (const byte of ['\xfe', '\xff']) {
      mkdirSync(Buffer.from(`${root}/${byte}`, 'latin1'));
      writeFileSync(Buffer.from(`${root}/${byte}/f`, 'latin1'), byte);
      symlinkSync(Buffer.from(byte, 'latin1'), join(root, `to-${byte.charCodeAt(0)}`));
    }
    const [first, second] = [await digest([taking('/to-254')]), await digest([taking('/to-255')])];
    expect(first).not.toBe(second);
    write({ 'same/f': 'x' });
    writeFileSync(Buffer.from(`${root}/\xfe/f`, 'latin1'), 'x');
    expect(await digest([taking('/to-254')])).toBe(await digest([taking('/same')]));
  });

  test('that lead to nothing are named', async () => {
    symlinkSync('gone', join(root, 'broken'));
    await expect(digest([taking('/broken')])).rejects.toMatchObject({
      code: 'E_PATH_NOT_FOUND',
      hint: 'it is a link to gone, which is not in the context',
    });
    symlinkSync('loop', join(root, 'loop'));
    await expect(digest([taking('/loop')])).rejects.toMatchObject({ code: 'E_UNSAFE' });
  });
});

describe('what no instruction takes', () => {
  test('does not count and is not read', async () => {
    write({ 'src/f': 'f', 'tests/t.sh': 't', 'README.md': 'r', '.git/HEAD': 'main' });
    const options = { followPaths: ['src'], limits: { maxFiles: 2 } };
    expect(await changes([taking('/src')], edit('tests/t.sh'), options)).toBe(false);
    await expect(openContext(root, { limits: options.limits })).rejects.toMatchObject({ code: 'E_LIMIT' });
    expect(await openContext(root, options)).toMatchObject({ files: 1, bytes: 1, incomplete: [] });
    expect(await changes([ROOT], edit('.git/HEAD'))).toBe(true);
  });

  test('is the same with a stat cache', async () => {
    write({ 'src/f': 'f', other: 'o' });
    const options = { followPaths: ['src'], statCache: tempDir('stat-cache') };
    const plain = await digest([taking('/src')]);
    expect(await digest([taking('/src')], options)).toBe(plain);
    expect(await digest([taking('/src')], options)).toBe(plain);
    expect(await changes([taking('/src')], edit('src/f'), options)).toBe(true);
  });
});

describe('what is not there', () => {
  test('is an error with the pattern that leaves it out', async () => {
    write({ 'docs/a.md': 'a' });
    const options = { exclude: ['*.log', 'docs'], excludedBy: (index: number) => `.dockerignore line ${index + 1}` };
    await expect(digest([taking('/docs/a.md')], options)).rejects.toMatchObject({
      code: 'E_PATH_NOT_FOUND',
      message: 'there is no docs/a.md in the build context',
      hint: '.dockerignore line 2 leaves it out: a line !docs/a.md behind it takes it back',
    });
    await expect(digest([taking('/no', { exclude: ['x'] })])).rejects.toMatchObject({
      hint: `the path is taken from ${root}, wherever the Dockerfile lies`,
    });
    await expect(digest([ROOT, taking('/no')])).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
  });

  test('is nothing with a wildcard, in a directory that is there', async () => {
    write({ 'd/a': 'a' });
    const nothing = sha256(sha256(''));
    expect(await digest([taking('/d/*.go')])).toBe(nothing);
    expect(await paths([taking('/d/*.go')])).toEqual([]);
    await expect(digest([taking('/no/*.go')])).rejects.toMatchObject({
      message: 'there is no no in the build context',
    });
    // The client sends a directory with the files that are asked for, as here those of `*.go`.
    await expect(digest([taking('/d/*.go')], { followPaths: ['d/*.go', 'other'] })).rejects.toMatchObject({
      message: 'there is no d in the build context',
      hint: expect.stringContaining('nothing in it matches'),
    });
  });

  test('is the directory itself', async () => {
    await expect(openContext(join(root, 'no'))).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
  });
});
