/** What becomes of files that one thread offers and another writes when writing fails, as on a full disk. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LayerApplier } from '../../../src/layer/apply/apply.ts';
import { DigestTable } from '../../../src/layer/apply/digest-table.ts';
import { FileJobs, jobMemory } from '../../../src/layer/threads/file-jobs.ts';
import { WRITE_OPTIONS } from '../../support/fake-ref.ts';
import { tempDir } from '../../support/temp.ts';

function offered(): { memory: ReturnType<typeof jobMemory>; root: string; jobs: FileJobs } {
  const memory = jobMemory(new SharedArrayBuffer(8));
  const digests = new DigestTable();
  const root = tempDir('jobs');
  const jobs = new FileJobs(memory, root, digests);
  mkdirSync(join(root, 'd'));
  // It is there already.
  const path = join(root, 'd', 'file');
  writeFileSync(path, '');
  const metadata = { mode: 0o644, uid: 0, gid: 0, mtime: 0, mtimeNs: 0, chmod: false, chown: false };
  const file = { path, metadata, content: Buffer.from(memory.contents, 0, 1) };
  expect(jobs.offer(file, digests.reserve(), 0)).toBe(true);
  return { memory, root, jobs };
}

test('a job that fails in the offering thread is over', () => {
  const { jobs } = offered();
  expect(jobs.collect()).toBe(false);
  expect(() => jobs.work()).toThrow(/^cannot write d\/file: .*exist/);
  expect(jobs.collect()).toBe(true);
});

test('a job that fails in the other thread is never taken for written', () => {
  const { memory, root, jobs } = offered();
  expect(() => new FileJobs(memory, root).work()).toThrow(/^cannot write d\/file: .*exist/);
  expect(jobs.collect()).toBe(false);
});

test('directories are closed when the other thread is idle, whatever failed before', () => {
  let failures = 2;
  let isIdle = false;
  const applier = new LayerApplier(tempDir('applied'), WRITE_OPTIONS, {
    digests: new DigestTable(),
    keeps: 0,
    offer: () => false,
    drain() {
      if (failures > 0) {
        failures -= 1;
        throw new Error('no space left');
      }
      isIdle = true;
    },
  });
  applier.close();
  expect(isIdle).toBe(true);
});
