import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { plainView } from '../../../src/cli/progress/plain.ts';

describe('plain progress', () => {
  let stream: PassThrough;
  let view: ReturnType<typeof plainView>;

  const lines = (): string[] => {
    const text = (stream.read() as Buffer | null)?.toString() ?? '';
    return text === '' ? [] : text.trimEnd().split('\n');
  };

  beforeEach(() => {
    vi.useFakeTimers();
    stream = new PassThrough();
    view = plainView(stream, 0);
  });

  afterEach(() => {
    view.close?.();
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
