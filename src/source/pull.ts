import type { Digests, JobContext, SourceInstance } from '../contract/index.ts';
import { digestsOf } from './resolve.ts';

/** Brings all content of a source into the store, and returns its digests. */
export async function pullSource(instance: SourceInstance, job: JobContext): Promise<Digests> {
  if (instance.pull !== undefined) {
    await instance.pull(job);
  } else {
    const ref = await instance.snapshot(job);
    try {
      await ref?.extract(job);
    } finally {
      await ref?.release();
    }
  }
  return digestsOf(instance, job);
}
