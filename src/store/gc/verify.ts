/** `ctxsrc cache verify`: hashes everything again, and removes damaged items, so that the next run fetches them. */
import { lstatSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import type { JobContext } from '../../contract/session.ts';
import type { VerifyReport } from '../../contract/store.ts';
import { type Digest, isDigest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { Task } from '../../core/progress.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import type { FileBlobStore } from '../blobs/blobs.ts';
import { readDocument } from '../document.ts';
import { checkedIndex, ENTRIES } from '../entry-indexes.ts';
import { orAbsent, storeError } from '../failures.ts';
import { imageName } from '../index-file.ts';
import { namesIn } from '../layout.ts';
import { parseRecord } from '../records.ts';
import { readHeader } from '../snapshots/manifest.ts';
import { imageGraph } from './image-graph.ts';
import type { PruneEnv } from './prune.ts';

export interface VerifyEnv extends PruneEnv {
  readonly blobs: FileBlobStore;
}

type Problem = VerifyReport['problems'][number];

/**
 * `StoreAdmin.verify` of the contract. An item that cannot be read for a reason of this machine (no more file
 * descriptors, no permission, a broken disk) is not damaged: the check ends with that error.
 * @throws E_PERMISSION, E_IO, also when a damaged item cannot be removed
 */
export async function verifyStore(job: JobContext, env: VerifyEnv): Promise<VerifyReport> {
  const work = async (task: Task): Promise<VerifyReport> => {
    const problems: Problem[] = [];
    const blobs = await verifyBlobs(job, env, problems, task);
    const snapshots = await verifySnapshots(job, env, problems, (bytes) => task.advance(blobs.bytes + bytes));
    await verifyRecords(env, problems);
    await verifyEntryIndexes(env, problems);
    await verifyIndex(env, blobs.sizes, problems);
    await env.locks.removeDead();
    await env.leases.removeDead();
    return { blobs: blobs.count, snapshots: snapshots.count, bytes: blobs.bytes + snapshots.bytes, problems };
  };
  return Task.run(job, 'verify', 'cache', work).catch((error: unknown) => {
    throw storeError(error, `cannot check the cache ${env.directory.root}`);
  });
}

async function verifyBlobs(
  job: JobContext,
  { directory, blobs }: VerifyEnv,
  problems: Problem[],
  task: Task,
): Promise<{ count: number; bytes: number; sizes: Map<Digest, number> }> {
  let count = 0;
  let bytes = 0;
  const sizes = new Map<Digest, number>();
  for (const algorithm of namesIn(directory.path('blobs'))) {
    for (const hex of namesIn(directory.path('blobs', algorithm))) {
      job.signal.throwIfAborted();
      const digest = `${algorithm}:${hex}`;
      const path = directory.path('blobs', algorithm, hex);
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found === undefined) continue;
      count += 1;
      // A blob that was collected meanwhile is not damaged.
      let problem: string | undefined;
      if (!isDigest(digest)) problem = 'is no digest';
      else if (!found.isFile()) problem = 'is no file';
      else if (!((await blobs.matches(digest).catch(orAbsent)) ?? true))
        problem = 'has other content than its digest says';
      if (problem === undefined) {
        sizes.set(digest as Digest, found.size);
        bytes += found.size;
        task.advance(bytes);
        continue;
      }
      await rm(path, { force: true, recursive: true });
      problems.push({ kind: 'blob', id: digest, problem });
    }
  }
  return { count, bytes, sizes };
}

async function verifySnapshots(
  job: JobContext,
  { directory, snapshotStore }: VerifyEnv,
  problems: Problem[],
  onBytes: (bytes: number) => void,
): Promise<{ count: number; bytes: number }> {
  let count = 0;
  let bytes = 0;
  for (const name of namesIn(directory.path('snapshots'))) {
    job.signal.throwIfAborted();
    count += 1;
    const header = await readHeader(directory.path('snapshots', name));
    const problem = await snapshotStore.check(job, name, true);
    if (problem === undefined) {
      bytes += header?.bytes ?? 0;
      onBytes(bytes);
      continue;
    }
    await snapshotStore.remove(name);
    problems.push({ kind: 'snapshot', id: header?.id ?? name, problem });
  }
  return { count, bytes };
}

async function verifyRecords({ directory }: VerifyEnv, problems: Problem[]): Promise<void> {
  for (const kind of namesIn(directory.path('records'))) {
    for (const name of namesIn(directory.path('records', kind))) {
      const path = directory.path('records', kind, name);
      const found = readDocument(path);
      if (found === undefined || ('text' in found && parseRecord(found.text) !== undefined)) continue;
      if ('problem' in found && found.unread) throw new CtxsrcError('E_IO', `${path} ${found.problem}`);
      await removeTree(path);
      problems.push({ kind: 'record', id: `${kind} ${name}`, problem: 'cannot be read' });
    }
  }
}

async function verifyEntryIndexes({ directory }: VerifyEnv, problems: Problem[]): Promise<void> {
  for (const name of namesIn(directory.path(ENTRIES))) {
    const path = directory.path(ENTRIES, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    const bytes = found?.isFile() ? await readFile(path).catch(orAbsent) : undefined;
    if (found === undefined || (bytes !== undefined && checkedIndex(bytes) !== undefined)) continue;
    await removeTree(path);
    problems.push({ kind: 'entries', id: name.replace('-', ':'), problem: 'has other content than its digest says' });
  }
}

/** Removes names of images that are missing or incomplete: their next use adds them again. */
async function verifyIndex(
  { directory, index }: VerifyEnv,
  sizes: Map<Digest, number>,
  problems: Problem[],
): Promise<void> {
  const images = await index.read();
  if (images === undefined) {
    problems.push({ kind: 'index', id: 'index.json', problem: 'cannot be read' });
    await index.update(() => [], true);
    return;
  }
  const bad = new Set<string>();
  for (const image of images) {
    const pathOf = (digest: Digest): string => directory.path('blobs', ...digest.split(':'));
    const { missing } = await imageGraph(image, (digest) => sizes.get(digest), pathOf);
    const [first] = missing;
    if (first === undefined) continue;
    const name = imageName(image);
    bad.add(name);
    const lacking = missing.size === 1 ? first : `${missing.size} blobs`;
    problems.push({ kind: 'index', id: name, problem: `lacks ${lacking}` });
  }
  if (bad.size > 0) await index.remove(bad);
}
