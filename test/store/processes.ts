/** Runs `child.ts` as processes of their own, and judges what they leave. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { bundleWorker } from '../support/bundle.ts';
import { tempDir } from '../support/temp.ts';
import { BLOBS, blobBytes, type ChildAnswer, type ChildTask } from './child.ts';
import { testJob } from './job.ts';

const repository = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Builds the child and its worker. @returns the script to start */
export async function buildChild(): Promise<string> {
  const outdir = tempDir('child');
  writeFileSync(join(outdir, 'package.json'), '{"type":"module"}');
  await build({
    absWorkingDir: repository,
    entryPoints: { child: 'test/store/child.ts' },
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['koffi'],
    define: { __CTXSRC_BUNDLED__: 'true' },
    logLevel: 'warning',
  });
  await bundleWorker('worker-clone', 'src/store/snapshots/clone-worker.ts', outdir);
  return join(outdir, 'child.js');
}

export interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly answer: ChildAnswer | undefined;
  readonly stderr: string;
}

export function startChild(
  script: string,
  task: ChildTask,
  wrap: readonly string[] = [],
): { readonly process: ChildProcess; readonly ended: Promise<Ended> } {
  const [command, ...args] = [...wrap, process.execPath, script, JSON.stringify(task)];
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (_code, signal) => {
      resolve({ signal, stderr, answer: stdout === '' ? undefined : (JSON.parse(stdout) as ChildAnswer) });
    });
  });
  return { process: child, ended };
}

/** Fails unless the directory has exactly the files of the image. */
export function expectFiles(dir: string, blobSize: number): void {
  expect(readdirSync(dir).sort()).toEqual(Array.from({ length: BLOBS }, (_, number) => `layer${number}`));
  for (let number = 0; number < BLOBS; number += 1) {
    const names = Array.from({ length: 20 }, (_, i) => `f${i}`);
    expect(readdirSync(join(dir, `layer${number}`)).sort()).toEqual([...names].sort());
    const pieces = names.map((name) => readFileSync(join(dir, `layer${number}`, name)));
    expect(Buffer.concat(pieces).equals(blobBytes(number, blobSize))).toBe(true);
  }
}

/**
 * After a process was killed: nothing in the store is wrong, the next run succeeds with the right files, and nothing of
 * the dead is left.
 */
export async function expectRecovery(script: string, task: ChildTask): Promise<void> {
  const { problems } = await (await openStore({ root: task.root })).verify(testJob());
  expect(problems).toEqual([]);
  const { killAt: _killAt, ...healthy } = task;
  const { answer, stderr } = await startChild(script, { ...healthy, target: `${task.target}-next`, pause: 0 }).ended;
  expect({ stderr, error: answer?.error }).toEqual({ stderr: '', error: undefined });
  expectFiles(`${task.target}-next`, task.blobSize);
  for (const name of ['ingest', 'leases', 'locks', 'tmp']) expect(readdirSync(join(task.root, name))).toEqual([]);
  expect((await (await openStore({ root: task.root })).verify(testJob())).problems).toEqual([]);
}
