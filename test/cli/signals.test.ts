/** Runs that are told to end, or killed: what they leave, and who removes it. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { type EndingSignal, EXITS, endAtRandom, ended, Workplace } from '../support/signal-rounds.ts';

const place = new Workplace();
beforeEach(() => place.clear());

describe.each(Object.keys(EXITS) as EndingSignal[])('%s', (signal) => {
  it.each([
    ['a snapshot', 0],
    ['an export', 3],
  ])('in the middle of %s leaves nothing, twice within 20 ms neither', async (_, index) => {
    const child = place.start(place.commands()[index]!);
    const end = ended(child);
    await place.busy(child);
    child.kill(signal);
    await setTimeout(15);
    child.kill(signal);
    expect(await end).toBe(EXITS[signal]);
    expect(readdirSync(place.out)).toEqual([]);
  });
});

it('at random moments leaves nothing hidden', async () => {
  await endAtRandom(12, process.env.CTXSRC_SEED ?? String(Date.now()));
});

describe('kill -9', () => {
  async function killed(args: readonly string[]): Promise<void> {
    const child = place.start(args);
    const end = ended(child);
    await place.busy(child);
    child.kill('SIGKILL');
    expect(await end).toBe('SIGKILL');
    expect(place.hidden()).not.toEqual([]);
  }
  const prune = async (...flags: string[]) => {
    const { stdout, stderr } = await ctxsrc(['cache', 'prune', '--json', ...flags], { home: place.home });
    expect(stderr).toBe('');
    return (JSON.parse(stdout) as { leftovers: string[] }).leftovers;
  };

  it.each([
    ['snapshot of an image', 0],
    ['export of files', 3],
    ['export of an image', 5],
    ['export of a layout', 6],
  ])('leaves what the next run at the same target removes: %s', async (_, index) => {
    const args = place.commands()[index]!;
    await killed(args);
    expect((await ctxsrc(args, { home: place.home })).code).toBe(0);
    expect(place.hidden()).toEqual([]);
    expect(await prune()).toEqual([]);
  });

  it('and what cache prune finds, wherever it is, and removes; what lives is left alone', async () => {
    const commands = place.commands();
    await killed(commands[0]!);
    await killed(commands[4]!);
    const found = await prune('--dry-run');
    expect(found.map((path) => path.replace(/\.ctxsrc-.*/, '')).sort()).toEqual([
      join(place.out, '.image'),
      join(place.out, 'new/.files.tar'),
    ]);
    expect(place.hidden()).not.toEqual([]);
    const living = place.start(commands[3]!);
    const end = ended(living);
    await place.busy(living);
    living.kill('SIGSTOP');
    expect((await prune('--all')).sort()).toEqual([...found].sort());
    living.kill('SIGCONT');
    expect(await end).toBe(0);
    expect(place.hidden()).toEqual([]);
    expect(existsSync(join(place.out, 'files.tar'))).toBe(true);
    expect(await prune()).toEqual([]);
  });
});
