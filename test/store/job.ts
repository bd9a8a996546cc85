import { randomUUID } from 'node:crypto';
import type { JobContext } from '../../src/contract/session.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';

export interface TestJob extends JobContext {
  readonly events: ProgressEvent[];
  abort(): void;
}

/** A job that remembers its events and can be aborted. */
export function testJob(): TestJob {
  const controller = new AbortController();
  const events: ProgressEvent[] = [];
  return {
    session: {
      id: randomUUID(),
      credentials: async () => undefined,
      secret: async () => undefined,
      localDirectory: () => undefined,
    },
    signal: controller.signal,
    progress: { emit: (event) => events.push(event) },
    events,
    abort: () => controller.abort(),
  };
}
