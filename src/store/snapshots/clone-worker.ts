/** A worker of `cloneTree`: receives pieces of the list of entries and returns their results. */
import { parentPort, workerData } from 'node:worker_threads';
import { runWork, say } from '../../core/thread/thread.ts';
import { type ChunkResult, workOnLines } from './clone-entry.ts';
import type { CloneSpec } from './clone-spec.ts';

/** A piece of the list, as one text because that crosses threads faster. */
export interface WorkerTask {
  readonly lines: string;
  readonly trusted: boolean;
}

parentPort!.on('message', ({ lines, trusted }: WorkerTask) =>
  runWork(() => say<ChunkResult>(workOnLines(workerData as CloneSpec, { lines: lines.split('\n'), trusted }))),
);
