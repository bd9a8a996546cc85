import { rename } from 'node:fs/promises';
import type { RecordStore } from '../../contract/store.ts';
import { localError } from '../../core/errors.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { heartbeat, newStaging, removeDeadParts } from './beside.ts';
import { noteUnfinished } from './leftovers.ts';
import { createParents, removeParents } from './target.ts';

/**
 * Makes a file or directory beside its destination and renames it when it is complete. After a failure nothing is left,
 * not even parents that were created for it. Parts of dead runs are removed first.
 * @param make writes to the given path; a directory replaces an empty directory
 * @param what the operation, for errors of the system: `cannot export to ./image.tar`
 */
export async function putInPlace<T>(
  records: RecordStore,
  path: string,
  what: string,
  make: (part: string) => Promise<T>,
): Promise<T> {
  await removeDeadParts(path);
  const parents = await createParents(path);
  const run = newStaging(path);
  const noteFinished = await noteUnfinished(records, run);
  const beat = heartbeat(run.part);
  try {
    const made = await make(run.part);
    await rename(run.part, path);
    return made;
  } catch (error) {
    await removeTree(run.part);
    await removeParents(parents);
    throw localError(error, what);
  } finally {
    beat.stop();
    await noteFinished();
  }
}
