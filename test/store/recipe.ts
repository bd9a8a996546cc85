import { createHash } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../src/contract/entry.ts';
import type { Recipe, WriteOptions, WriteReport } from '../../src/contract/ref.ts';
import { type Digest, sha256 } from '../../src/core/digest.ts';
import { loadNative } from '../../src/fs/native/native.ts';
import { scanTree } from '../../src/fs/write/scan-tree.ts';

export const WRITE: WriteOptions = {
  owner: 'auto',
  mode: 'auto',
  limits: { maxBytes: 1 << 30, maxFiles: 100_000, maxRatio: 1000 },
};

/** A recipe of one made-up layer, and how often it was followed. */
export function countingRecipe(make: (dir: string) => void = oddTree, id = `sha256:${'c'.repeat(64)}`) {
  const counted = { made: 0 };
  const recipe: Recipe = {
    id,
    layers: [
      {
        descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256(id), size: 1 },
        diffId: sha256(id),
        chainId: id,
        fetch: async () => undefined,
      },
    ],
    produce: async (_job, dir) => {
      counted.made += 1;
      make(dir);
      return reportOn(dir);
    },
  };
  return Object.assign(counted, { recipe });
}

/** What a writer of `dir` would report. */
export function reportOn(dir: string): WriteReport {
  const entries: Entry[] = [...scanTree(dir, true)].map((entry) => {
    if (entry.type !== 'file') return entry;
    const path = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(entry.path, 'latin1')]);
    const digest: Digest = `sha256:${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
    return { ...entry, digest };
  });
  const bytes = entries.reduce((sum, { type, size }) => sum + (type === 'file' ? size : 0), 0);
  return { files: entries.length, bytes, losses: [], lossCounts: {}, entries, via: 'unpack' };
}

/** Every kind of entry that this user can make, with times, modes and names that are easily lost. */
export function oddTree(dir: string): void {
  const root = process.getuid?.() === 0;
  mkdirSync(join(dir, 'sub/deep'), { recursive: true });
  for (let i = 0; i < 300; i += 1) writeFileSync(join(dir, 'sub', `f${i}`), `content ${i}`);
  writeFileSync(join(dir, 'sub/deep/empty'), '');
  writeFileSync(join(dir, 'tool'), '#!/bin/sh\n');
  linkSync(join(dir, 'tool'), join(dir, 'sub/alias'));
  symlinkSync('../nowhere', join(dir, 'dangling'));
  symlinkSync('/etc/passwd', join(dir, 'sub/absolute'));
  writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x66, 0xff, 0xfe])]), 'no utf-8');
  if (root) {
    const native = loadNative()!;
    native.mknod(join(dir, 'null'), 0o020666, 1, 3);
    native.mknod(join(dir, 'pipe'), 0o010640, 0, 0);
    native.setXattr(join(dir, 'tool'), 'user.note', Buffer.from('kept'));
    native.setTimes(join(dir, 'dangling'), 1_700_000_000_123_456_789n);
  }
  chmodSync(join(dir, 'tool'), 0o4755);
  chmodSync(join(dir, 'sub/f1'), root ? 0 : 0o400);
  chmodSync(join(dir, 'sub/f2'), 0o666);
  utimesSync(join(dir, 'sub/f3'), 1, 1);
  utimesSync(join(dir, 'tool'), 1_600_000_000, 1_600_000_000);
  utimesSync(join(dir, 'sub/deep'), 1_500_000_000, 1_500_000_000);
  chmodSync(join(dir, 'sub/deep'), 0o555);
  chmodSync(join(dir, 'sub'), 0o1777);
}
