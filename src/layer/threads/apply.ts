/** Applies the archives that arrive through the ring, and reports the written tree. */
import { say } from '../../core/thread/thread.ts';
import { LayerApplier } from '../apply/apply.ts';
import { DigestTable } from '../apply/digest-table.ts';
import { packEntries } from '../apply/report.ts';
import { TarReader } from '../tar/reader.ts';
import { Condition } from './condition.ts';
import { UnpackCounters } from './counters.ts';
import { FileJobs } from './file-jobs.ts';
import type { UnpackEvent, UnpackJob } from './protocol.ts';
import { SlotRing } from './slot-ring.ts';

/** Waking the other thread for each file would cost more than writing it. */
const WAKE_EVERY = 16;

export function applyLayers(job: UnpackJob, onLayer: (layer: number) => void): void {
  const ring = new SlotRing(job.ring);
  const counters = new UnpackCounters(job.counters);
  const digests = new DigestTable();
  const jobs = new FileJobs(job.jobs, digests);
  const own = new Condition(job.applyCondition);
  const other = new Condition(job.decompressCondition);
  let offered = 0;
  const work = (): boolean => jobs.work();
  const applier = new LayerApplier(job.dir, job.options, {
    digests,
    offer(file, digest) {
      if (!jobs.offer(file, digest)) return false;
      offered += 1;
      if (offered % WAKE_EVERY === 0) other.raise();
      return true;
    },
    drain: () => own.sleepUntil(() => jobs.collectAll(), work),
  });
  try {
    for (const layer of job.layers.keys()) {
      onLayer(layer);
      const reader = new TarReader(applier);
      applier.beginLayer();
      const { entries, bytes } = applier;
      let applied = 0;
      for (let last = false; !last; ) {
        if (!ring.hasData) own.sleepUntil(() => ring.hasData, work);
        const slot = ring.oldest;
        reader.push(slot.bytes);
        last = slot.last;
        applied += slot.bytes.length;
        counters.applied(layer, applied, applier.entries - entries, applier.bytes - bytes);
        ring.release();
        other.raise();
      }
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
