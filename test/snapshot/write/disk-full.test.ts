/** A disk that is full in the middle: exit 74, nothing left, and room for the next run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImmutableRef, WriteReport } from '../../../src/contract/ref.ts';
import { materialize } from '../../../src/snapshot/write/materialize.ts';
import { fakeJob, fakeRef, WRITE_OPTIONS } from '../../support/fake-ref.ts';
import { mayMount } from '../../support/mount.ts';
import { snapshotFacts, snapshotTree } from '../../support/snapshot-content.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';
import { unpackBytes } from '../../support/unpack.ts';

describe.skipIf(!mayMount())('on a disk of 1 MiB', () => {
  let disk: string;
  beforeAll(() => {
    disk = join(tempDir('full'), 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=500', 'tmpfs', disk]);
  });
  afterAll(() => {
    execFileSync('umount', [disk]);
  });

  /** Unpacks files of so many bytes in all. */
  const image = (files: number, bytes: number): ImmutableRef => ({
    ...fakeRef({}),
    writeTo: (job, dir, options): Promise<WriteReport> => {
      const content = Buffer.alloc(Math.floor(bytes / files), 'x');
      const archive = tar([
        { name: 'sealed', type: 'dir', mode: 0o555 },
        ...Array.from({ length: files }, (_, i) => ({ name: `sealed/${i}`, content })),
      ]);
      return unpackBytes(job, tempDir('blobs'), [{ blob: archive }], dir, options);
    },
  });
  const snapshot = (name: string, ref: ImmutableRef, force = false) =>
    materialize(fakeJob(), {
      ref,
      target: join(disk, 'made/out'),
      facts: snapshotFacts(name),
      options: WRITE_OPTIONS,
      force,
      strict: false,
    });

  test.each([
    ['bytes', image(3, 3 << 20), /^cannot write sealed\/\d: no space/],
    ['files', image(2000, 2000), /^cannot write sealed\/\d+: no space/],
    // What is left is too little for the sidecar.
    ['room for the sidecar', image(200, 1_000_000 - 50_000), /no space/],
  ])('too many %s: nothing stays', async (_, ref, message) => {
    const failure = { code: 'E_DISK_FULL', exit: 74, message: expect.stringMatching(message) };
    await expect(snapshot('big', ref)).rejects.toMatchObject(failure);
    expect(readdirSync(disk)).toEqual([]);
    const { blocks, bfree } = statfsSync(disk);
    expect(bfree).toBe(blocks);
  });

  test('with --force the old one stays', async () => {
    await snapshot('old', fakeRef(snapshotTree('old')));
    await expect(snapshot('big', image(3, 3 << 20), true)).rejects.toMatchObject({ code: 'E_DISK_FULL' });
    expect(await snapshot('old', fakeRef({}))).toMatchObject({ status: 'unchanged' });
    expect(readdirSync(join(disk, 'made')).sort()).toEqual(['out', 'out.ctxsrc.json']);
  });
});
