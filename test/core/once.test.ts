import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { Once } from '../../src/core/once.ts';

/** Work that ends when it is told to, or when the signal of whoever began it fires. */
function work() {
  const starts: { resolve(value: string): void; reject(error: unknown): void }[] = [];
  const begin = (signal?: AbortSignal) => () =>
    new Promise<string>((resolve, reject) => {
      starts.push({ resolve, reject });
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  return { starts, begin };
}

const never = new AbortController().signal;
const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('Once', () => {
  it('runs work once for all callers and remembers its value', async () => {
    const once = new Once<string>();
    const { starts, begin } = work();
    const both = Promise.all([once.runFor(never, begin()), once.runFor(never, begin())]);
    await tick();
    starts[0]!.resolve('x');
    expect(await both).toEqual(['x', 'x']);
    expect(await once.run(begin())).toBe('x');
    expect(starts).toHaveLength(1);
  });

  it('remembers a failure', async () => {
    const once = new Once<string>();
    const failure = new CtxsrcError('E_NOT_FOUND', 'gone');
    await expect(once.runFor(never, () => Promise.reject(failure))).rejects.toBe(failure);
    await expect(once.runFor(never, async () => 'x')).rejects.toBe(failure);
  });

  it('forgets an abort', async () => {
    const once = new Once<string>();
    const abort = new CtxsrcError('E_INTERRUPTED', 'stop');
    await expect(once.run(() => Promise.reject(abort))).rejects.toBe(abort);
    expect(await once.run(async () => 'x')).toBe('x');
  });

  it('lets a caller who is aborted leave, while the work goes on for the others', async () => {
    const once = new Once<string>();
    const { starts, begin } = work();
    const first = once.runFor(never, begin());
    const controller = new AbortController();
    const second = once.runFor(controller.signal, begin());
    await tick();
    controller.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    starts[0]!.resolve('x');
    expect(await first).toBe('x');
  });

  it('begins anew for a caller whose work was another one that was aborted', async () => {
    const once = new Once<string>();
    const { starts, begin } = work();
    const controller = new AbortController();
    const first = once.runFor(controller.signal, begin(controller.signal));
    const second = once.runFor(never, begin());
    await tick();
    controller.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    await tick();
    expect(starts).toHaveLength(2);
    starts[1]!.resolve('again');
    expect(await second).toBe('again');
  });

  it('does not begin for a caller who is already aborted', async () => {
    const { starts, begin } = work();
    await expect(new Once<string>().runFor(AbortSignal.abort(), begin())).rejects.toMatchObject({ name: 'AbortError' });
    expect(starts).toHaveLength(0);
  });
});
