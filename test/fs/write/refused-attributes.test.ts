/** Attributes that a file system will not hold are losses, of a directory as of an image, and no report claims them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { loadNative, type Native } from '../../../src/fs/native/native.ts';
import { source } from '../../../src/source/local/source.ts';
import { parseReference } from '../../../src/source/parse.ts';
import { unpack } from '../../layer/apply/applied.ts';
import { noteSkip } from '../../support/needs.ts';
import { newEnv, newStore, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';

/** What the calls that set attributes fail with. */
const refusal = vi.hoisted((): { code: string | undefined } => ({ code: undefined }));

vi.mock('../../../src/fs/native/native.ts', async (original) => {
  const real = await original<typeof import('../../../src/fs/native/native.ts')>();
  return {
    ...real,
    loadNative(): Native | undefined {
      const native = real.loadNative();
      if (native === undefined || refusal.code === undefined) return native;
      const refuse = (): never => {
        throw Object.assign(new Error('refused'), { code: refusal.code });
      };
      return { ...native, setXattr: refuse };
    },
  };
});

const hasNative = loadNative() !== undefined || noteSkip('the native package is missing: refused attributes');

test.skipIf(!hasNative).each(['E2BIG', 'ERANGE', 'ENOSPC', 'ENOTSUP', 'EPERM'])('%s', async (code) => {
  const root = tempDir('attributes');
  mkdirSync(join(root, 'dir'));
  writeFileSync(join(root, 'dir', 'file'), 'content');
  for (const name of ['dir', 'dir/file']) loadNative()!.setXattr(join(root, name), 'user.big', Buffer.from('value'));
  const instance = source.resolve(source.identify(parseReference(root), {}), newEnv(await newStore()));
  const xattrs = { 'user.big': 'value' };
  refusal.code = code;
  try {
    const layer = [{ name: 'dir', type: 'dir', xattrs } as const, { name: 'dir/file', xattrs }];
    for (const { report } of [await writeSnapshot(instance), unpack([layer])]) {
      expect(report.lossCounts).toEqual({ xattr: 2 });
      expect(report.losses).toContainEqual({ path: 'dir', kind: 'xattr', detail: `user.big: ${code}` });
      expect(report.losses).toContainEqual({ path: 'dir/file', kind: 'xattr', detail: `user.big: ${code}` });
      expect([...report.entries].map((entry) => entry.xattrs)).toEqual([undefined, undefined]);
    }
  } finally {
    refusal.code = undefined;
  }
});
