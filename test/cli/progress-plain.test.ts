import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PlainView } from '../../src/cli/progress-plain.ts';
import { TaskTable } from '../../src/cli/progress-tasks.ts';

describe('plain progress', () => {
  let stream: PassThrough;
  let view: PlainView;

  const lines = (): string[] => {
    const text = (stream.read() as Buffer | null)?.toString() ?? '';
    return text === '' ? [] : text.trimEnd().split('\n');
  };

  beforeEach(() => {
    vi.useFakeTimers();
    stream = new PassThrough();
    view = new PlainView(stream, { verbose: 0 });
  });

  afterEach(() => {
    view.close();
    vi.useRealTimers();
  });

  it('breaks the silence at least every 15 seconds while there is work, and only then', () => {
    vi.advanceTimersByTime(60_000);
    expect(lines()).toEqual([]);
    view.emit({ type: 'start', id: '1', phase: 'download', label: 'layer abc', total: 2_000_000 });
    view.emit({ type: 'start', id: '2', phase: 'download', label: 'layer def' });
    view.emit({ type: 'advance', id: '1', done: 1_000_000 });
    for (let i = 0; i < 4; i += 1) {
      vi.advanceTimersByTime(15_000);
      expect(lines()).toEqual(['still downloading layer abc, 1.0 MB of 2.0 MB (and 1 more)']);
    }
    view.emit({ type: 'end', id: '1', status: 'done' });
    expect(lines()).toEqual(['downloaded layer abc (2.0 MB) in 1m00s']);
    view.emit({ type: 'end', id: '2', status: 'aborted' });
    vi.advanceTimersByTime(60_000);
    expect(lines()).toEqual([]);
  });

  it('says nothing of steps that are over at once', () => {
    view.emit({ type: 'start', id: '1', phase: 'resolve', label: 'x' });
    view.emit({ type: 'end', id: '1', status: 'done' });
    expect(lines()).toEqual([]);
  });

  it('shows what is dangerous for a terminal in a harmless form', () => {
    view.emit({ type: 'message', level: 'warning', text: 'a\u001b[31mred', hint: 'do\nthis' });
    expect(lines().join('\n')).not.toMatch(/\u001b/);
  });
});

describe('the tasks of a run', () => {
  it('count a layer once that is downloaded and unpacked, and show its download first', () => {
    const tasks = new TaskTable();
    tasks.apply({ type: 'start', id: 'd', phase: 'download', label: 'layer a', total: 10 });
    tasks.apply({ type: 'start', id: 'u', phase: 'unpack', label: 'layer a', total: 10 });
    tasks.apply({ type: 'start', id: 'h', phase: 'hash', label: 'tree' });
    expect(tasks.transfers().map(({ id }) => id)).toEqual(['d']);
    tasks.apply({ type: 'end', id: 'd', status: 'done' });
    expect(tasks.transfers().map(({ id }) => id)).toEqual(['u']);
    tasks.apply({ type: 'end', id: 'u', status: 'done' });
    expect([tasks.finished, tasks.finishedBytes, tasks.running.size]).toEqual([1, 10, 1]);
  });
});
