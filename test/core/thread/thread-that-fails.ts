/** A thread for the tests: does what the messages say. */
import { parentPort, workerData } from 'node:worker_threads';
import { CtxsrcError } from '../../../src/core/errors.ts';
import { runWork, say } from '../../../src/core/thread/thread.ts';

const ACTS: Record<string, () => void> = {
  echo: () => say(workerData),
  typed: () => {
    const cause = Object.assign(new TypeError('below'), { code: 'EIO' });
    throw new CtxsrcError('E_UNSAFE', 'no', { hint: 'type this', details: { path: 'a' }, cause });
  },
  system: () => {
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5, syscall: 'read' });
  },
  text: () => {
    throw 'a text';
  },
  die: () => process.exit(3),
  leave: () => parentPort!.close(),
  block: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
};

parentPort!.on('message', (act: string) => runWork(ACTS[act]!));
