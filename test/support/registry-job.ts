/** What tests of the registry client hand to it: a clock that does not wait, a job that keeps its events, options. */
import type { Credential, JobContext } from '../../src/contract/session.ts';
import type { NetworkOptions } from '../../src/contract/source.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import type { Clock } from '../../src/http/clock.ts';

export function networkOptions(options: Partial<NetworkOptions> = {}): NetworkOptions {
  return {
    plainHttp: [],
    insecure: [],
    mirrors: [],
    retry: 5,
    maxWait: 300_000,
    stallTimeout: 10_000,
    parallel: 4,
    ...options,
  };
}

/** Waits are over at once and add to the time; half of each span is what chance says. */
export class TestClock implements Clock {
  readonly waits: number[] = [];
  #now = 1_700_000_000_000;

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }

  random(): number {
    return 0.5;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.waits.push(ms);
    this.#now += ms;
  }

  get waited(): number {
    return this.waits.reduce((sum, ms) => sum + ms, 0);
  }
}

export interface TestJob extends JobContext {
  readonly events: ProgressEvent[];
  /** Host and repository of each look-up. */
  readonly lookups: string[];
}

type Lookup = (host: string, repository?: string) => Credential | undefined | Promise<Credential | undefined>;

export function testJob(
  credentials: Lookup = () => undefined,
  signal: AbortSignal = new AbortController().signal,
): TestJob {
  const events: ProgressEvent[] = [];
  const lookups: string[] = [];
  return {
    events,
    lookups,
    signal,
    progress: { emit: (event) => events.push(event) },
    session: {
      id: 'test',
      async credentials(host, repository) {
        lookups.push(repository === undefined ? host : `${host}/${repository}`);
        return credentials(host, repository);
      },
      secret: async () => undefined,
      localDirectory: () => undefined,
    },
  };
}
