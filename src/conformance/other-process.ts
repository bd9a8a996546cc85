import { spawn } from 'node:child_process';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { workerUrl } from '../core/thread/worker-url.ts';
import type { Bench } from './bench.ts';
import { BrokenRule } from './report.ts';
import type { Tree } from './tree.ts';

/** The request to the other process. */
export interface OtherProcessRequest {
  readonly want: 'key' | 'files';
  readonly origin: Bench['subject']['origin'];
  readonly reference: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly network: unknown;
  readonly cacheDir: string;
}

export interface OtherProcessAnswer {
  readonly key?: string;
  /** Absent when the source is empty. */
  readonly tree?: Tree | undefined;
  /** What the source threw there. */
  readonly failure?: string;
}

/**
 * The content key, or the files, from a process with other settings: directory, home, time zone, locale, umask and
 * date.
 */
export async function askOtherProcess(bench: Bench, want: OtherProcessRequest['want']): Promise<OtherProcessAnswer> {
  const home = join(bench.dir, 'other-home');
  await mkdir(home, { recursive: true });
  const request: OtherProcessRequest = {
    want,
    origin: bench.subject.origin,
    reference: bench.prepared.reference,
    attributes: bench.prepared.attributes ?? {},
    network: bench.subject.network ?? {},
    cacheDir: await mkdtemp(join(bench.dir, 'store-other-')),
  };
  const program = `import(${JSON.stringify(workerUrl('conformance-child').href)})`;
  const child = spawn(process.execPath, ['--eval', program], {
    cwd: resolve('/'),
    // Output of the source is not part of the result.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { PATH: process.env.PATH, HOME: home, TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
  });
  try {
    const answer = await new Promise<OtherProcessAnswer>((answered, failed) => {
      child.once('message', (message) => answered(message as OtherProcessAnswer));
      child.once('error', failed);
      child.once('disconnect', () => answered({ failure: 'it ended without an answer' }));
      child.send(request, (error) => (error === null ? undefined : failed(error)));
    });
    if (answer.failure !== undefined) {
      throw new BrokenRule(`the source failed in another process: ${answer.failure}`);
    }
    return answer;
  } finally {
    child.kill('SIGKILL');
  }
}
