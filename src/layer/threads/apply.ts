/** Applies the archives that arrive through the ring, verifies their diff IDs, and reports the written tree. */
import { createHash } from 'node:crypto';
import { digestAlgorithm } from '../../core/digest.ts';
import { say } from '../../core/thread/thread.ts';
import { LayerApplier } from '../apply/apply.ts';
import { DigestTable } from '../apply/digest-table.ts';
import { packEntries } from '../apply/report.ts';
import { checkDiffId } from '../diff-id.ts';
import { TarReader } from '../tar/reader.ts';
import { Condition } from './condition.ts';
import { UnpackCounters } from './counters.ts';
import { FileJobs } from './file-jobs.ts';
import type { UnpackEvent, UnpackJob } from './protocol.ts';
import { SlotRing } from './slot-ring.ts';

/** Waking the other thread for each file would cost more than writing it. */
const WAKE_EVERY = 16;
/** Larger files, a quarter of the ring, are written piece by piece. */
const KEEPS = 1 << 20;

export function applyLayers(job: UnpackJob, onLayer: (layer: number) => void): void {
  const ring = new SlotRing(job.ring);
  const counters = new UnpackCounters(job.counters);
  const digests = new DigestTable();
  const jobs = new FileJobs(job.jobs, job.dir, digests);
  const own = new Condition(job.applyCondition);
  const other = new Condition(job.decompressCondition);
  let offered = 0;
  const work = (): boolean => jobs.work();
  /** Frees what is written and read. */
  const release = (): void => {
    jobs.collect();
    const { kept } = applier;
    const oldest = jobs.oldestSlot ?? (kept === undefined ? ring.number : ring.slotOf(kept));
    if (ring.release(oldest)) other.raise();
  };
  const applier = new LayerApplier(job.dir, job.options, {
    digests,
    keeps: KEEPS,
    offer(file, digest) {
      if (!jobs.offer(file, digest, file.content.length === 0 ? ring.number : ring.slotOf(file.content))) return false;
      offered += 1;
      if (offered % WAKE_EVERY === 0) other.raise();
      return true;
    },
    drain: () => own.sleepUntil(() => jobs.collect(), work),
  });
  const hasData = (): boolean => {
    if (ring.hasData) return true;
    release();
    return false;
  };
  try {
    for (const [layer, { digest, diffId }] of job.layers.entries()) {
      onLayer(layer);
      const reader = new TarReader(applier);
      applier.beginLayer();
      const hash = createHash(digestAlgorithm(diffId));
      const { entries, bytes } = applier;
      let applied = 0;
      for (let last = false; !last; ) {
        own.sleepUntil(hasData, work);
        const slot = ring.next;
        hash.update(slot.bytes);
        reader.push(slot.bytes);
        last = slot.last;
        applied += slot.bytes.length;
        counters.applied(layer, applied, applier.entries - entries, applier.bytes - bytes);
        ring.advance();
        release();
      }
      checkDiffId(hash, digest, diffId);
      reader.finish();
      applier.endLayer();
    }
    applier.finish();
    say<UnpackEvent>({ type: 'applied' });
    const report = {
      ...packEntries(applier.root, digests),
      losses: applier.losses.losses,
      lossCounts: applier.losses.counts,
    };
    say<UnpackEvent>(
      { type: 'done', report },
      report.chunks.map((chunk) => chunk.buffer),
    );
  } finally {
    applier.close();
  }
}
