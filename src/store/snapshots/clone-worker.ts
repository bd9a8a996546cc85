/** A worker of `cloneTree`: gets a piece of the list of entries, answers with what became of it. */
import { parentPort, workerData } from 'node:worker_threads';
import { runWork, say } from '../../core/thread/thread.ts';
import { type ChunkResult, type CloneSpec, workOnLines } from './clone-entry.ts';

/** A piece: its lines as one text, which crosses threads in less time. */
export interface WorkerTask {
  readonly lines: string;
  readonly trusted: boolean;
}

parentPort!.on('message', ({ lines, trusted }: WorkerTask) =>
  runWork(() => say<ChunkResult>(workOnLines(workerData as CloneSpec, { lines: lines.split('\n'), trusted }))),
);
