import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { systemClock } from '../../src/http/clock.ts';
import { backoff, RetryBudget, retry, TransientError } from '../../src/http/retry.ts';
import { quota, retryAfter } from '../../src/http/retry-after.ts';
import { TestClock } from '../support/registry-job.ts';

const job = { signal: new AbortController().signal, progress: silentProgress };
const fault = (ms?: number): TransientError => new TransientError(new CtxsrcError('E_SERVER', 'busy'), ms);

describe('backoff', () => {
  it('is any moment of a span that doubles up to half a minute', () => {
    expect([0, 1, 2, 3].map((repeat) => backoff(repeat, 0.999_999))).toEqual([499, 999, 1999, 3999]);
    expect(backoff(40, 0.999_999)).toBe(29_999);
    expect(backoff(3, 0)).toBe(0);
  });
});

describe('retry', () => {
  it('repeats as often as it may, then throws what the last try failed with', async () => {
    const clock = new TestClock();
    let tries = 0;
    const work = (): Promise<never> => {
      tries += 1;
      return Promise.reject(fault());
    };
    const failing = retry({ retries: 3, maxWait: 60_000, clock }, job, work);
    await expect(failing).rejects.toMatchObject({ code: 'E_SERVER' });
    expect(tries).toBe(4);
    expect(clock.waits).toEqual([250, 500, 1000]);
  });

  it('does not repeat what will not pass', async () => {
    const clock = new TestClock();
    const failing = retry({ retries: 3, maxWait: 60_000, clock }, job, () =>
      Promise.reject(new CtxsrcError('E_FORBIDDEN', 'no')),
    );
    await expect(failing).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    expect(clock.waits).toEqual([]);
  });

  it('waits at least as long as the server asks', async () => {
    const clock = new TestClock();
    let tries = 0;
    const result = await retry({ retries: 3, maxWait: 60_000, clock }, job, async () => {
      tries += 1;
      if (tries === 1) throw fault(20_000);
      return 'here';
    });
    expect(result).toBe('here');
    expect(clock.waited).toBeGreaterThanOrEqual(20_000);
  });

  it('gives up at once when the server asks for more than may be waited, in sum', async () => {
    const clock = new TestClock();
    const patience = new RetryBudget({ retries: 9, maxWait: 10_000, clock });
    await patience.wait(fault(6000), job);
    await expect(patience.wait(fault(6000), job)).rejects.toMatchObject({ code: 'E_SERVER' });
    expect(clock.waits).toHaveLength(1);
  });

  it('stops waiting when the job is aborted', async () => {
    const controller = new AbortController();
    const start = performance.now();
    setTimeout(() => controller.abort(new Error('enough')), 10);
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toThrow('enough');
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toThrow('enough');
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('Tue, 14 Nov 2023 22:13:20 GMT');

  it.each([
    ['7', 7000],
    ['0', 0],
    ['1.5', 1500],
    ['Tue, 14 Nov 2023 22:13:50 GMT', 30_000],
    ['Tue, 14 Nov 2023 22:13:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
    ['99999999999999999999', undefined],
  ])('%j', (text, ms) => {
    expect(retryAfter({ 'retry-after': text }, now)).toBe(ms);
  });
});

describe('quota', () => {
  const now = 1_700_000_000_000;

  it.each([
    [{ 'ratelimit-remaining': '0;w=21600' }, { exhausted: true, renewed: 21_600_000 }],
    [{ 'ratelimit-remaining': '3;w=21600' }, { exhausted: false, renewed: 21_600_000 }],
    [
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1700000060' },
      { exhausted: true, renewed: 60_000 },
    ],
    [
      { 'ratelimit-remaining': '0', 'ratelimit-reset': '50' },
      { exhausted: true, renewed: 50_000 },
    ],
    [{ ratelimit: '"default";r=0;t=12' }, { exhausted: true, renewed: 12_000 }],
    [{ 'ratelimit-remaining': 'many' }, { exhausted: false, renewed: undefined }],
    [{}, { exhausted: false, renewed: undefined }],
  ])('%j', (headers, expected) => {
    expect(quota(headers, now)).toEqual(expected);
  });
});
