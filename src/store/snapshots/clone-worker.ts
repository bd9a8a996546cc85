/** A worker of `cloneTree`: gets a piece of the list of entries, answers with what became of it. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ChunkResult, type CloneSpec, CloneUnable, workOnLines } from './clone-entry.ts';

/** A piece: its lines as one text, which crosses threads in less time. */
export interface WorkerTask {
  readonly lines: string;
  readonly trusted: boolean;
}

/** What comes back for a piece; errors do not cross threads as they are. */
export type WorkerAnswer =
  | { readonly result: ChunkResult }
  | { readonly unable: string }
  | {
      readonly failure: {
        readonly code: string | undefined;
        readonly syscall: string | undefined;
        readonly message: string;
      };
    };

parentPort?.on('message', (task: WorkerTask) => {
  parentPort?.postMessage(answer(task));
});

function answer({ lines, trusted }: WorkerTask): WorkerAnswer {
  try {
    return { result: workOnLines(workerData as CloneSpec, { lines: lines.split('\n'), trusted }) };
  } catch (error) {
    if (error instanceof CloneUnable) return { unable: error.message };
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    return { failure: { code, syscall, message } };
  }
}
