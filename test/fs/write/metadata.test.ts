/** Whose files become, and who may run as whom then: the same for layers, directories and single files. */
import { chmodSync, chownSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { WriteOptions, WriteReport } from '../../../src/contract/ref.ts';
import { source } from '../../../src/source/local/source.ts';
import { parseReference } from '../../../src/source/parse.ts';
import { writeSingleFile } from '../../../src/source/single-file.ts';
import { StoredBody } from '../../../src/source/stored-body.ts';
import { unpack } from '../../layer/apply/applied.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { needsRoot } from '../../support/needs.ts';
import { newEnv, newJob, newStore, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';

const STRANGER = 4321;
const NOBODY = 65534;

/** Modes and owners of what was written, and what was lost. */
interface Written {
  readonly dir: string;
  readonly report: Pick<WriteReport, 'lossCounts' | 'losses' | 'entries'>;
}

function fact({ dir, report }: Written, name: string): string {
  const { mode, uid, gid } = lstatSync(join(dir, name));
  const entry = [...report.entries].find(({ path }) => path === name)!;
  expect({ mode: entry.mode, uid: entry.uid, gid: entry.gid }).toEqual({ mode: mode & 0o7777, uid, gid });
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
}

function layer(options: Partial<WriteOptions>): Written {
  const theirs = { uid: STRANGER, gid: STRANGER };
  return unpack(
    [
      [
        { name: 'theirs', mode: 0o6755, ...theirs },
        { name: 'group', mode: 0o6755, gid: STRANGER },
        { name: 'mine', mode: 0o6755 },
        { name: 'folder', type: 'dir', mode: 0o2755, ...theirs },
      ],
    ],
    options,
  );
}

async function directory(options: Partial<WriteOptions>): Promise<Written> {
  const root = tempDir('theirs');
  const { uid, gid } = lstatSync(root);
  for (const name of ['theirs', 'group', 'mine']) writeFileSync(join(root, name), name);
  mkdirSync(join(root, 'folder'));
  if (process.geteuid!() === 0) {
    chownSync(join(root, 'theirs'), STRANGER, STRANGER);
    chownSync(join(root, 'group'), uid, STRANGER);
    chownSync(join(root, 'folder'), STRANGER, STRANGER);
  }
  for (const name of ['theirs', 'group', 'mine']) chmodSync(join(root, name), 0o6755);
  chmodSync(join(root, 'folder'), 0o2755);
  expect(gid).toBe(process.getegid!());
  const instance = source.resolve(source.identify(parseReference(root), {}), newEnv(await newStore()));
  return writeSnapshot(instance, options);
}

async function single(options: Partial<WriteOptions>, uid = STRANGER): Promise<Written> {
  const store = await newStore();
  await store.blobs.put(digestOf('body'), Buffer.from('body'));
  const body = new StoredBody(store, digestOf('body'));
  const dir = tempDir('single');
  const shape = { filename: 'theirs', perm: 0o6755, uid, gid: uid };
  const limits = { maxBytes: 100, maxFiles: 10, maxRatio: 10 };
  const all: WriteOptions = { owner: 'auto', mode: 'auto', limits, ...options };
  const report = await writeSingleFile(newJob().signal, dir, { body, name: 'theirs', shape, mtime: 1 }, all);
  return { dir, report };
}

const asRoot = needsRoot('set-user-ID files of others');

describe.skipIf(!asRoot)('root', () => {
  test('with --owner current takes from a file of others the right to run as its owner, and tells', async () => {
    for (const written of [layer({ owner: 'current' }), await directory({ owner: 'current' })]) {
      expect(fact(written, 'theirs')).toBe('755 0:0');
      expect(fact(written, 'group')).toBe('4755 0:0');
      expect(fact(written, 'mine')).toBe('6755 0:0');
      expect(fact(written, 'folder')).toBe('2755 0:0');
      expect(written.report.lossCounts).toEqual({ setuid: 2 });
      expect(written.report.losses).toContainEqual({ path: 'theirs', kind: 'setuid', detail: 'mode 6755' });
    }
    const written = await single({ owner: 'current' });
    expect(fact(written, 'theirs')).toBe('755 0:0');
    expect(written.report.lossCounts).toEqual({ setuid: 1 });
  });

  test('keeps an image’s owners, and gives a directory’s files to root with their bits, as BuildKit does', async () => {
    expect(fact(layer({ owner: 'auto' }), 'theirs')).toBe(`6755 ${STRANGER}:${STRANGER}`);
    const written = await directory({ owner: 'auto' });
    expect(fact(written, 'theirs')).toBe('6755 0:0');
    expect(written.report.lossCounts).toEqual({});
    expect(fact(await directory({ owner: 'preserve' }), 'theirs')).toBe(`6755 ${STRANGER}:${STRANGER}`);
    expect(fact(await single({}), 'theirs')).toBe(`6755 ${STRANGER}:${STRANGER}`);
  });
});

describe.skipIf(!asRoot)('a normal user', () => {
  /** As somebody else, but for what is called before the first `await` of others. */
  async function asNobody<T>(work: () => T | Promise<T>): Promise<T> {
    process.setegid!(NOBODY);
    process.seteuid!(NOBODY);
    try {
      return await work();
    } finally {
      process.seteuid!(0);
      process.setegid!(0);
    }
  }

  test('loses nothing by owners that were not asked for, by auto or by current', async () => {
    for (const owner of ['auto', 'current'] as const) {
      const written = await asNobody(() => layer({ owner }));
      expect(fact(written, 'theirs')).toBe(`755 ${NOBODY}:${NOBODY}`);
      expect(written.report.lossCounts).toEqual({ setuid: 3 });
      expect(
        (await asNobody(() => unpack([[{ name: 'theirs', uid: STRANGER }]], { owner }))).report.lossCounts,
      ).toEqual({});
      const file = await asNobody(() => single({ owner }, 0));
      expect(fact(file, 'theirs')).toBe(`755 ${NOBODY}:${NOBODY}`);
      expect(file.report.lossCounts).toEqual({ setuid: 1 });
    }
  });

  test('is told of owners that were asked for', async () => {
    const written = await asNobody(() => layer({ owner: 'preserve' }));
    expect(written.report.lossCounts).toEqual({ owner: 4, setuid: 3 });
    const file = await asNobody(() => single({ owner: 'auto' }));
    expect(file.report.lossCounts).toEqual({ owner: 1, setuid: 1 });
    const local = await asNobody(() => directory({ owner: 'preserve' }));
    expect(fact(local, 'mine')).toBe(`6755 ${NOBODY}:${NOBODY}`);
    expect(local.report.lossCounts).toEqual({});
  });
});

test('a thousand losses are listed, and all are counted', async () => {
  const many = Array.from({ length: 1001 }, (_, i) => ({ name: `f${i}`, mode: 0o4755, uid: STRANGER }));
  const { report } = unpack([many], { owner: 'current' });
  expect([report.losses.length, report.lossCounts]).toEqual([1000, { setuid: 1001 }]);
});
