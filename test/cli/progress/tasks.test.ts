/** What progress shows follows from the events by a model in which nothing ever falls. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TimesLeft } from '../../../src/cli/progress/rate.ts';
import { TaskTable } from '../../../src/cli/progress/tasks.ts';
import { type ProgressEvent, Task, tracked } from '../../../src/core/progress.ts';

const start = (id: string, more: Partial<Extract<ProgressEvent, { type: 'start' }>> = {}): ProgressEvent => ({
  type: 'start',
  id,
  phase: 'download',
  label: id,
  ...more,
});
const advance = (id: string, done: number, more = {}): ProgressEvent => ({ type: 'advance', id, done, ...more });
const end = (id: string): ProgressEvent => ({ type: 'end', id, status: 'done' });

function tableOf(...events: readonly ProgressEvent[]): TaskTable {
  const table = new TaskTable();
  for (const event of events) table.apply(event);
  return table;
}

describe('the tasks of a run', () => {
  it('count the layers of all, and tell the part of the whole from the task of all', () => {
    const table = tableOf(
      start('all', { phase: 'unpack', unit: 'layers', total: 5 }),
      start('d', { label: 'layer a', total: 10, parent: 'all', layer: 3, layers: 5 }),
      advance('all', 2, { part: 0.4 }),
    );
    expect(table.overall()).toEqual({ id: 'all', part: 0.4, layers: { done: 2, of: 5 } });
    table.apply(advance('all', 4, { part: 1 }));
    // The last layer is not over yet.
    expect(table.overall()?.part).toBe(0.99);
    table.apply(advance('all', 5, { part: 1 }));
    expect(table.overall()).toEqual({ id: 'all', part: 1, layers: { done: 5, of: 5 } });
  });

  it('never show less than before, whatever the events say', () => {
    const table = tableOf(
      start('all', { unit: 'layers', total: 2 }),
      start('d', { total: 100 }),
      advance('all', 1, { part: 0.5 }),
      advance('d', 60),
      advance('all', 0, { part: 0.2, total: 1 }),
      advance('d', 10, { total: 50 }),
    );
    expect(table.overall()).toMatchObject({ part: 0.5, layers: { done: 1, of: 2 } });
    expect(table.running.get('d')).toMatchObject({ done: 60, total: 100, part: 0.6 });
    // More work than was known at first: the total grows, the percentage waits.
    table.apply(advance('d', 70, { total: 1000 }));
    expect(table.running.get('d')).toMatchObject({ done: 70, total: 1000, part: 0.6 });
    expect(table.moved.downloaded).toBe(70);
  });

  it('know no percentage of what has no total', () => {
    const table = tableOf(start('h', { phase: 'hash' }), advance('h', 10, { files: 2 }));
    expect(table.overall()).toEqual({ id: 'h', part: undefined });
  });

  it('have one line for a layer that is fetched and unpacked, base first, and count it once', () => {
    const place = { label: 'layer a', parent: 'all', layer: 1, layers: 2 };
    const table = tableOf(
      start('all', { phase: 'unpack', unit: 'layers', total: 2 }),
      start('b', { ...place, label: 'layer b', layer: 2 }),
      start('u', { ...place, phase: 'unpack' }),
      start('d', { ...place, total: 10 }),
      start('h', { phase: 'hash' }),
    );
    expect(table.pieces().map(({ id }) => id)).toEqual(['d', 'b']);
    for (const event of [advance('d', 10), end('d')]) table.apply(event);
    expect(table.pieces().map(({ id }) => id)).toEqual(['u', 'b']);
    for (const event of [advance('u', 35, { files: 4 }), end('u')]) table.apply(event);
    expect(table.moved).toEqual({ layers: 1, downloaded: 10, copied: 0, writtenBytes: 35, writtenFiles: 4 });
  });
});

describe('a task', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is told of many small steps by few events, the last of them always', async () => {
    const events: ProgressEvent[] = [];
    const task = new Task({ emit: (event) => void events.push(event) }, 'download', 'x');
    const body = (async function* () {
      for (let i = 0; i < 1000; i += 1) {
        vi.advanceTimersByTime(1);
        yield Buffer.alloc(10);
      }
    })();
    for await (const _ of tracked({ body, offset: 500, size: 10_500 }, task));
    task.end();
    const advances = events.filter((event) => event.type === 'advance');
    expect(advances.length).toBeLessThan(30);
    expect(advances.at(-1)).toMatchObject({ done: 10_500, total: 10_500 });
    expect(events.at(-1)?.type).toBe('end');
  });
});

describe('the time that is left', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function watch(partAt: (seconds: number) => number | undefined, seconds: number): (number | undefined)[] {
    const left = new TimesLeft();
    return Array.from({ length: seconds * 10 }, (_, i) => {
      vi.advanceTimersByTime(100);
      return left.of('x', partAt(i / 10));
    });
  }

  it('is that of a steady speed after two seconds, and of a new one soon after it changed', () => {
    const steady = watch((seconds) => seconds / 100, 30);
    expect(steady.slice(0, 20).every((left) => left === undefined)).toBe(true);
    expect(steady.at(-1)! / 1000).toBeCloseTo(70, -1);
    const slower = watch((seconds) => (seconds < 20 ? seconds / 100 : 0.2 + (seconds - 20) / 400), 60);
    expect(slower.at(-1)! / 1000).toBeGreaterThan(250);
  });

  it('is not guessed: without a percentage, at the end, or where nothing moves', () => {
    expect(watch(() => undefined, 10).every((left) => left === undefined)).toBe(true);
    expect(watch(() => 0.5, 10).every((left) => left === undefined)).toBe(true);
    expect(watch((seconds) => Math.min(1, seconds / 5), 10).at(-1)).toBeUndefined();
  });
});
