import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentProgress } from '../../../src/core/progress.ts';
import type { ReadLimits } from '../../../src/core/read-limits.ts';
import { hashTree } from '../../../src/fs/hash/hash-tree.ts';
import { loadNative } from '../../../src/fs/native/native.ts';
import type { ComparedTree } from '../../../src/snapshot/diff/disk-side.ts';
import type { PathDifference } from '../../../src/snapshot/diff/path-difference.ts';
import { compareTrees } from '../../../src/snapshot/diff/trees.ts';
import { needsRoot, skip } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';

const job = {
  session: {
    id: 'test',
    credentials: async () => undefined,
    secret: async () => undefined,
    localDirectory: () => undefined,
  },
  signal: new AbortController().signal,
  progress: silentProgress,
};

let a: string;
let b: string;

const tree = (root: string, more: Partial<ComparedTree> = {}): ComparedTree => ({
  root,
  modes: 'exact',
  keepsOwners: false,
  excludedBy: (index) => `rule ${index}`,
  ...more,
});

/** What every difference had before types and bytes were added to it. */
type Told = Omit<PathDifference, 'type' | 'bytes' | 'change'>;

async function compare(left: ComparedTree | 'empty' = tree(a), right: ComparedTree | 'empty' = tree(b)) {
  const paths: Told[] = [];
  const differences = compareTrees(job, left === 'empty' ? undefined : left, right === 'empty' ? undefined : right);
  for (;;) {
    const { value, done } = await differences.next();
    if (done === true) {
      const { size: _, ...summary } = value;
      return { paths, ...summary };
    }
    const { type: _, bytes: _bytes, change: _change, ...told } = value;
    paths.push(told);
  }
}

beforeEach(() => {
  a = join(tempDir('diff'), 'a');
  mkdirSync(join(a, 'dir', 'sub'), { recursive: true });
  for (const name of ['dir/sub/file', 'dir/x', 'dir-x', 'dir.x', 'exec', 'other']) writeFileSync(join(a, name), name);
  // Whatever the tester's umask.
  for (const name of ['dir', 'dir/sub', 'exec']) chmodSync(join(a, name), 0o755);
  for (const name of ['dir/sub/file', 'dir/x', 'dir-x', 'dir.x', 'other']) chmodSync(join(a, name), 0o644);
  symlinkSync('dir/x', join(a, 'link'));
  b = join(tempDir('diff'), 'b');
  cpSync(a, b, { recursive: true, verbatimSymlinks: true });
});

afterEach(() => vi.restoreAllMocks());

it('an abort ends it within a large file, and limits count both sides', async () => {
  for (const root of [a, b]) {
    writeFileSync(join(root, 'large'), '');
    truncateSync(join(root, 'large'), 2 ** 40);
  }
  const collect = async (more: Partial<typeof job>, limits?: ReadLimits) => {
    for await (const _ of compareTrees({ ...job, ...more }, tree(a), tree(b), { limits }));
  };
  await expect(collect({ signal: AbortSignal.timeout(50) })).rejects.toThrow(/timeout/);
  await expect(collect({}, { maxBytes: 2 ** 40 })).rejects.toMatchObject({ code: 'E_LIMIT' });
  await expect(collect({}, { maxFiles: 5 })).rejects.toMatchObject({ code: 'E_LIMIT' });
});

describe('two trees', () => {
  it('differ by the same when their digests are remembered', async () => {
    const statCache = tempDir('cache');
    const filter = { exclude: ['dir.x'] };
    // What was just made is too young to be remembered.
    const real = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => real() + 10_000);
    const known = async () => {
      for (const root of [a, b]) await hashTree(root, { cacheDir: statCache, filter });
      return compare(tree(a, { ...filter, statCache }), tree(b, { ...filter, statCache }));
    };
    expect(await known()).toMatchObject({ paths: [], differences: 0 });
    writeFileSync(join(b, 'other'), 'OTHER');
    chmodSync(join(b, 'exec'), 0o700);
    rmSync(join(b, 'dir', 'x'));
    writeFileSync(join(b, 'dir', 'y'), 'new');
    const expected = await compare(tree(a, filter), tree(b, filter));
    expect(expected.paths.map(({ what, path }) => `${what} ${path}`)).toEqual([
      'deleted dir/x',
      'added dir/y',
      'mode exec',
      'content other',
    ]);
    expect(await known()).toEqual(expected);
    writeFileSync(join(a, 'other'), 'OTHER');
    expect((await compare(tree(a, { ...filter, statCache }), tree(b, { ...filter, statCache }))).differences).toBe(3);
  });

  it('that are copies have no difference, whatever their times', async () => {
    utimesSync(join(b, 'other'), 1, 1);
    expect(await compare()).toEqual({ paths: [], differences: 0, incomplete: expect.any(Array) });
  });

  it.each<[string, () => void, Told[]]>([
    [
      'content of the same size and time',
      () => {
        utimesSync(join(a, 'other'), 9, 9);
        writeFileSync(join(b, 'other'), 'OTHER');
        utimesSync(join(b, 'other'), 9, 9);
      },
      [{ what: 'content', path: 'other', from: 5, to: 5 }],
    ],
    [
      'content of another size',
      () => writeFileSync(join(b, 'dir/sub/file'), ''),
      [{ what: 'content', path: 'dir/sub/file', from: 12, to: 0 }],
    ],
    ['a mode', () => chmodSync(join(b, 'exec'), 0o644), [{ what: 'mode', path: 'exec', from: '0755', to: '0644' }]],
    [
      'a mode and content',
      () => {
        // In this order: writing takes setuid away from what a normal user owns.
        writeFileSync(join(b, 'exec'), 'more');
        chmodSync(join(b, 'exec'), 0o4755);
      },
      [
        { what: 'mode', path: 'exec', from: '0755', to: '4755' },
        { what: 'content', path: 'exec', from: 4, to: 4 },
      ],
    ],
    [
      'a mode of a directory',
      () => chmodSync(join(b, 'dir'), 0o700),
      [{ what: 'mode', path: 'dir', from: '0755', to: '0700' }],
    ],
    [
      'the text of a link',
      () => {
        rmSync(join(b, 'link'));
        symlinkSync('dir/y', join(b, 'link'));
      },
      [{ what: 'target', path: 'link', from: 'dir/x', to: 'dir/y' }],
    ],
    ['an empty directory', () => mkdirSync(join(b, 'dir/new')), [{ what: 'added', path: 'dir/new', to: 'dir' }]],
    ['a file that is gone', () => rmSync(join(b, 'dir-x')), [{ what: 'deleted', path: 'dir-x', from: 'file' }]],
    [
      'a directory that is gone, with all that was in it',
      () => rmSync(join(b, 'dir'), { recursive: true }),
      ['dir', 'dir/sub', 'dir/sub/file', 'dir/x'].map((path) => ({
        what: 'deleted',
        path,
        from: path === 'dir' || path === 'dir/sub' ? 'dir' : 'file',
      })),
    ],
    [
      'a directory that became a file',
      () => {
        rmSync(join(b, 'dir/sub'), { recursive: true });
        writeFileSync(join(b, 'dir/sub'), '');
      },
      [
        { what: 'type', path: 'dir/sub', from: 'dir', to: 'file' },
        { what: 'deleted', path: 'dir/sub/file', from: 'file' },
      ],
    ],
    [
      'a name that is not UTF-8',
      () => writeFileSync(Buffer.from(`${b}/caf\xe9`, 'latin1'), ''),
      [{ what: 'added', path: 'caf\xe9', pathBytes: true, to: 'file' }],
    ],
    [
      'a file that moved to a name beside a directory of the same beginning',
      () => renameSync(join(b, 'dir.x'), join(b, 'dir+')),
      [
        { what: 'added', path: 'dir+', to: 'file' },
        { what: 'deleted', path: 'dir.x', from: 'file' },
      ],
    ],
  ])('differ in %s, and that alone is named', async (_, change, expected) => {
    change();
    const { paths, differences } = await compare();
    expect(paths).toEqual(expected);
    expect(differences).toBe(expected.length);
    const { paths: back } = await compare(tree(b), tree(a));
    expect(back.map(({ path }) => path)).toEqual(expected.map(({ path }) => path));
  });

  it('differ late in a large file', async () => {
    const bytes = Buffer.alloc(700_000, 1);
    writeFileSync(join(a, 'large'), bytes);
    writeFileSync(join(b, 'large'), bytes);
    expect((await compare()).differences).toBe(0);
    bytes[699_999] = 2;
    writeFileSync(join(b, 'large'), bytes);
    expect((await compare()).paths).toEqual([{ what: 'content', path: 'large', from: 700_000, to: 700_000 }]);
  });

  it('take a hard link for the file that it is', async () => {
    rmSync(join(b, 'other'));
    linkSync(join(a, 'other'), join(b, 'other'));
    expect((await compare()).differences).toBe(0);
  });

  it('of which one is empty differ in everything', async () => {
    const added = (await compare('empty', tree(b))).paths;
    expect(added.map(({ what }) => what)).toEqual(Array(9).fill('added'));
    expect((await compare(tree(a), 'empty')).paths.map(({ path }) => path)).toEqual(added.map(({ path }) => path));
  });

  it.skipIf(loadNative() === undefined)('differ in an extended attribute', async (context) => {
    try {
      loadNative()!.setXattr(join(b, 'other'), 'user.note', Buffer.from('x'));
    } catch {
      skip('the temporary folder takes no extended attributes');
      context.skip();
    }
    expect((await compare()).paths).toEqual([{ what: 'xattr', path: 'other', by: 'user.note' }]);
  });
});

it('tells what a path is, and how many bytes came and went', async () => {
  mkdirSync(join(b, 'new'));
  writeFileSync(join(b, 'new', 'f'), '1234567');
  writeFileSync(join(b, 'other'), 'OTHER!');
  rmSync(join(b, 'dir.x'));
  rmSync(join(b, 'exec'));
  mkdirSync(join(b, 'exec'));
  const differences = compareTrees(job, tree(a), tree(b));
  const found: unknown[] = [];
  let result = await differences.next();
  for (; result.done !== true; result = await differences.next()) {
    const { what, path, type, bytes } = result.value;
    found.push([what, path, type, bytes]);
  }
  expect(found).toEqual([
    ['deleted', 'dir.x', 'file', { added: 0, gone: 5 }],
    ['type', 'exec', 'dir', { added: 0, gone: 4 }],
    ['added', 'new', 'dir', undefined],
    ['added', 'new/f', 'file', { added: 7, gone: 0 }],
    ['content', 'other', 'file', { added: 6, gone: 5 }],
  ]);
  const { from, to } = result.value.size;
  expect(to - from).toBe(7 + 6 - 5 - 5 - 4);
});

describe('what a filter leaves out', () => {
  it('is ignored or no longer ignored, not deleted or added, with the rule that does it', async () => {
    const filtered = tree(b, { exclude: ['dir', 'nothing', '*.x'] });
    expect((await compare(tree(a), filtered)).paths).toEqual([
      { what: 'ignored', path: 'dir', from: 'dir', by: 'rule 0' },
      { what: 'ignored', path: 'dir/sub', from: 'dir', by: 'rule 0' },
      { what: 'ignored', path: 'dir/sub/file', from: 'file', by: 'rule 0' },
      { what: 'ignored', path: 'dir/x', from: 'file', by: 'rule 0' },
      { what: 'ignored', path: 'dir.x', from: 'file', by: 'rule 2' },
    ]);
    expect((await compare(filtered, tree(a))).paths[4]).toEqual({
      what: 'unignored',
      path: 'dir.x',
      to: 'file',
      by: 'rule 2',
    });
  });

  it('is told from what is really gone', async () => {
    rmSync(join(b, 'dir/sub'), { recursive: true });
    const { paths } = await compare(tree(a), tree(b, { exclude: ['dir', '!dir/x'] }));
    expect(paths).toEqual([
      { what: 'deleted', path: 'dir/sub', from: 'dir' },
      { what: 'deleted', path: 'dir/sub/file', from: 'file' },
    ]);
  });

  it('may be what no include pattern takes', async () => {
    const { paths } = await compare(tree(a), tree(b, { include: ['dir', 'dir-x', 'dir.x', 'exec', 'link'] }));
    expect(paths).toEqual([
      { what: 'ignored', path: 'other', from: 'file', by: 'no --include or --follow-path takes it' },
    ]);
  });
});

describe('modes', () => {
  it('that a umask explains are a note, and no difference under exec', async () => {
    for (const name of ['exec', 'other', 'dir']) chmodSync(join(b, name), name === 'other' ? 0o664 : 0o775);
    const exact = await compare();
    expect(exact.paths.map(({ what, path }) => `${what} ${path}`)).toEqual(['mode dir', 'mode exec', 'mode other']);
    expect(exact.note).toBe('only group-write differs: umask?');
    expect(await compare(tree(a, { modes: 'exec' }))).toEqual({
      paths: [],
      differences: 0,
      incomplete: expect.any(Array),
    });
  });

  it.each([
    ['the owner’s right to execute', () => chmodSync(join(b, 'exec'), 0o644)],
    ['setuid', () => chmodSync(join(b, 'exec'), 0o4755)],
    ['something else too', () => writeFileSync(join(b, 'dir-x'), 'more')],
  ])('that differ in %s are no work of a umask', async (_, change) => {
    chmodSync(join(b, 'other'), 0o664);
    change();
    const { paths, note } = await compare();
    expect(paths.length).toBe(2);
    expect(note).toBeUndefined();
  });

  it.skipIf(!needsRoot('compares owners'))('and owners count where both sides keep them', async () => {
    const { chownSync } = await import('node:fs');
    chownSync(join(b, 'other'), 7, 8);
    expect((await compare()).differences).toBe(0);
    const { paths } = await compare(tree(a, { keepsOwners: true }), tree(b, { keepsOwners: true }));
    expect(paths).toEqual([{ what: 'owner', path: 'other', from: '0:0', to: '7:8' }]);
  });
});
