/** Runs of the command line that are ended by a signal at a random moment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { randomFrom } from '../store/rounds.ts';
import { cliEnv, cliPath } from './cli.ts';
import { LayoutBuilder } from './layout-builder.ts';
import { tar } from './tar-builder.ts';
import { tempDir } from './temp.ts';

export const EXITS = { SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 } as const;
export type EndingSignal = keyof typeof EXITS;

/** A place with something to write that takes a while, and a store of its own. */
export class Workplace {
  readonly dir = tempDir('signals');
  readonly home = join(this.dir, 'home');
  /** Where targets lie. */
  readonly out = join(this.dir, 'out');
  readonly image: string;
  readonly source = join(this.dir, 'source');

  constructor() {
    for (const dir of [this.home, join(this.home, 'tmp'), this.out, this.source]) mkdirSync(dir);
    const layout = new LayoutBuilder();
    const files = Array.from({ length: 1_500 }, (_, i) => ({ name: `f${i}`, content: Buffer.alloc(6_000, `${i} `) }));
    this.image = `oci-layout://${layout
      .tag(layout.image({ layers: [layout.layer(tar(files))] }), 'latest')
      .write(join(this.dir, 'layout'))}`;
    for (const { name, content } of files) writeFileSync(join(this.source, name), content);
  }

  /** What makes something outside the store. */
  commands(): string[][] {
    const { image, source } = this;
    const to = (name: string): string => join(this.out, name);
    return [
      ['snapshot', image, to('image')],
      ['snapshot', '--force', source, to('image')],
      ['snapshot', source, to('new/parents/tree')],
      ['export', image, '-o', `type=tar,dest=${to('files.tar')}`],
      ['export', source, '-o', `type=tar,dest=${to('new/files.tar')}`],
      ['export', image, '-o', `type=oci,dest=${to('image.tar')}`],
      ['export', image, '-o', `type=oci,tar=false,dest=${to('layout')}`],
    ];
  }

  start(args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [cliPath(), ...args, '--progress', 'none'], {
      env: cliEnv(this.home),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  /** What is hidden beside the targets. */
  hidden(): string[] {
    const dirs = ['', 'new', 'new/parents'];
    return dirs
      .flatMap((dir) => namesIn(join(this.out, dir)).map((name) => join(dir, name)))
      .filter((path) => basename(path).includes('.ctxsrc-'));
  }

  /** Waits until a run has begun to make something. */
  async busy(child: ChildProcess): Promise<void> {
    const before = this.hidden().length;
    while (this.hidden().length <= before && child.exitCode === null) await setTimeout(1);
  }

  clear(): void {
    rmSync(this.out, { recursive: true, force: true });
    mkdirSync(this.out);
  }
}

export async function ended(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? signal!;
}

/** Random commands, signals and moments: whatever happens, nothing hidden stays beside a target. */
export async function endAtRandom(rounds: number, seed: string): Promise<void> {
  const place = new Workplace();
  const random = randomFrom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  for (let round = 0; round < rounds; round += 1) {
    const args = pick(place.commands());
    const signal = pick(Object.keys(EXITS) as EndingSignal[]);
    const ms = Math.floor(random() ** 2 * 700);
    const told = `seed ${seed}, round ${round}: ${signal} after ${ms} ms of ${args.join(' ')}`;
    const child = place.start(args);
    const end = ended(child);
    await setTimeout(ms);
    child.kill(signal);
    if (random() < 0.3) child.kill(pick(Object.keys(EXITS) as EndingSignal[]));
    // A run may be done, or not yet listen, when the signal comes.
    const outcome = await end;
    expect([0, 9, ...Object.values(EXITS), ...Object.keys(EXITS)], told).toContain(outcome);
    expect(place.hidden(), told).toEqual([]);
    const left = ['tmp', 'locks', 'leases', 'records/unfinished'].map((name) => join(place.home, 'cache/ctxsrc', name));
    if (typeof outcome === 'number') expect(left.flatMap(namesIn), told).toEqual([]);
    if (random() < 0.3) place.clear();
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
