import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { workerUrl } from '../core/worker-url.ts';
import type { Bench } from './bench.ts';
import { BrokenRule } from './report.ts';

/** What the other process is asked, as JSON on its standard input. */
export interface OtherProcessRequest {
  readonly origin: Bench['subject']['origin'];
  readonly reference: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly network: unknown;
  readonly cacheDir: string;
}

/** The content key as a process sees it that has other settings: directory, home, time zone, locale, umask and day. */
export async function keysInAnotherProcess(bench: Bench): Promise<string> {
  const home = join(bench.dir, 'other-home');
  await mkdir(home);
  const request: OtherProcessRequest = {
    origin: bench.subject.origin,
    reference: bench.prepared.reference,
    attributes: bench.prepared.attributes ?? {},
    network: bench.subject.network ?? {},
    cacheDir: join(bench.dir, 'store-other'),
  };
  const program = `import(${JSON.stringify(workerUrl('conformance-child').href)})`;
  const child = spawn(process.execPath, ['--eval', program], {
    cwd: resolve('/'),
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: home, TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
  });
  child.stdin.end(JSON.stringify(request));
  const texts = await Promise.all([child.stdout, child.stderr].map((stream) => stream.toArray()));
  const [out = '', err = ''] = texts.map((chunks) => Buffer.concat(chunks as Buffer[]).toString());
  if (err !== '' || out === '')
    throw new BrokenRule(`the source failed in another process: ${err || 'it said nothing'}`);
  return (JSON.parse(out) as { key: string }).key;
}
