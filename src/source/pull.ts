import type { Digests, JobContext, SourceInstance } from '../contract/index.ts';
import { digestsOf } from './resolve.ts';

/** Brings all content of a source into the store. */
export async function bringContent(instance: SourceInstance, job: JobContext): Promise<void> {
  if (instance.pull !== undefined) return instance.pull(job);
  const ref = await instance.snapshot(job);
  try {
    await ref?.extract(job);
  } finally {
    await ref?.release();
  }
}

/** As `bringContent`; returns the digests. */
export async function pullSource(instance: SourceInstance, job: JobContext): Promise<Digests> {
  await bringContent(instance, job);
  return digestsOf(instance, job);
}
