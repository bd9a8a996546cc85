/** A worker thread that hashes files in batches, with synchronous calls. */
import { parentPort, workerData } from 'node:worker_threads';
import { digestFile, digestFileContent, type FileTask } from './file-digest.ts';
import { claimBatch, type HashAnswer, type HashBatch, type HashWorkerData, TASK_FIELDS } from './hash-batch.ts';
import { loadNative } from './native.ts';
import { DiskReader } from './tree-entry.ts';

const { root, xattrs, contentOnly } = workerData as HashWorkerData;
const reader = new DiskReader(root);
const native = xattrs ? loadNative() : undefined;

parentPort!.on('message', (batch: HashBatch) => parentPort!.postMessage(hashBatch(batch)));

function hashBatch({ paths, numbers, claim }: HashBatch): HashAnswer {
  if (!claimBatch(claim)) return undefined;
  const digests: (string | undefined)[] = [];
  let incomplete = false;
  for (const [i, path] of paths.entries()) {
    const at = i * TASK_FIELDS;
    const task: FileTask = {
      mode: numbers[at]!,
      uid: numbers[at + 1]!,
      gid: numbers[at + 2]!,
      size: numbers[at + 3]!,
      ino: numbers[at + 4]!,
      mtimeMs: numbers[at + 5]!,
      ctimeMs: numbers[at + 6]!,
    };
    try {
      if (contentOnly === true) {
        digests.push(digestFileContent(reader.full(path), task));
        continue;
      }
      const result = digestFile(reader.full(path), task, native);
      incomplete ||= result?.incomplete === true;
      digests.push(result?.digest);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { digests, incomplete, failure: { path, code, message } };
    }
  }
  return { digests, incomplete };
}
