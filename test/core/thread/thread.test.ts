import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { CtxsrcError, localError } from '../../../src/core/errors.ts';
import { ThreadGroup, type ThreadGroupOptions, threadCount } from '../../../src/core/thread/thread.ts';
import { workerUrl } from '../../../src/core/thread/worker-url.ts';
import { bundleWorker } from '../../support/bundle.ts';
import { tempDir } from '../../support/temp.ts';

vi.mock(import('../../../src/core/thread/worker-url.ts'), () => ({ workerUrl: vi.fn() }));

/** How many threads the system allows, and those that were started. */
const system = vi.hoisted(() => ({ allowed: Number.POSITIVE_INFINITY, started: [] as { threadId: number }[] }));
vi.mock(import('node:worker_threads'), async (importOriginal) => {
  const original = await importOriginal();
  class Worker extends original.Worker {
    constructor(...of: ConstructorParameters<typeof original.Worker>) {
      if (system.started.length >= system.allowed) {
        throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
      }
      super(...of);
      system.started.push(this);
    }
  }
  return { ...original, Worker };
});

const dir = tempDir('thread');
await bundleWorker('fails', 'test/core/thread/thread-that-fails.ts', dir);

const groups: ThreadGroup<unknown>[] = [];

function start(data: unknown[], options: Partial<ThreadGroupOptions<unknown>> = {}): ThreadGroup<unknown> {
  vi.mocked(workerUrl).mockReturnValue(pathToFileURL(join(dir, 'fails.cjs')));
  const group = new ThreadGroup({ name: 'worker-hash', data, ...options });
  groups.push(group);
  return group;
}

afterEach(() => Promise.all(groups.splice(0).map((group) => group.end())));

/** What a thread that is told to do this fails with. */
async function failureOf(act: string): Promise<Error & NodeJS.Dict<unknown>> {
  const group = start([0]);
  group.send(act);
  const failure = await group.ended.then(
    () => expect.unreachable('it ends well'),
    (error) => error,
  );
  expect(() => group.throwIfFailed()).toThrow(failure);
  return failure;
}

test('each thread gets its data and says something, until all have ended', async () => {
  const said: unknown[] = [];
  const group = start(['a', 'b'], { onSaid: (text, thread) => said.push([thread, text]) });
  group.send('echo', 1);
  group.send('leave');
  await group.ended;
  expect(() => group.throwIfFailed()).not.toThrow();
  expect(said).toEqual([[1, 'b']]);
});

test('a typed error crosses with code, hint, details and cause', async () => {
  const failure = await failureOf('typed');
  expect(failure).toBeInstanceOf(CtxsrcError);
  expect(failure).toMatchObject({
    code: 'E_UNSAFE',
    message: 'no',
    hint: 'type this',
    details: { path: 'a' },
    exit: 8,
  });
  expect(failure.stack).toContain('fails.cjs');
  expect(failure.cause).toMatchObject({ message: 'below', code: 'EIO' });
});

test('an error of the system is told of as if it had happened here', async () => {
  const failure = await failureOf('system');
  expect(failure).toMatchObject({ code: 'EIO', errno: -5, syscall: 'read' });
  expect(localError(failure, 'cannot read x').message).toBe('cannot read x: i/o error');
});

test('what is no error is one here', async () => {
  expect((await failureOf('text')).message).toBe('a text');
});

test('where the system allows no more threads none stays, and it is said', async () => {
  system.started.length = 0;
  system.allowed = 1;
  try {
    expect(() => start([0, 1])).toThrow(
      expect.objectContaining({ code: 'E_IO', message: 'cannot start a thread: the system allows no more' }),
    );
  } finally {
    system.allowed = Number.POSITIVE_INFINITY;
  }
  // A thread that has ended has the ID -1.
  await vi.waitFor(() => expect(system.started.map(({ threadId }) => threadId)).toEqual([-1]), { timeout: 30_000 });
});

test('a thread that ends without a word fails its group', async () => {
  const failure = await failureOf('die');
  expect(failure).toMatchObject({ code: 'E_INTERNAL', message: expect.stringContaining('worker-hash') });
});

test('what the listener throws fails the group', async () => {
  const group = start([0], {
    onSaid: () => {
      throw new Error('not wanted');
    },
  });
  group.send('echo');
  await expect(group.ended).rejects.toThrow('not wanted');
});

test('an abort fails the group at once; a thread that blocks is ended, and its end is no failure', async () => {
  const abort = new AbortController();
  const aborted = start([0], { signal: abort.signal });
  aborted.send('block');
  abort.abort(new Error('stop'));
  await expect(aborted.ended).rejects.toThrow('stop');
  await expect(start([0], { signal: abort.signal }).ended).rejects.toThrow('stop');
  const ended = start([0, 1]);
  ended.send('block');
  await ended.end(0);
  await ended.end();
  await ended.ended;
  await ended.gone;
});

test('says which file is missing', () => {
  vi.mocked(workerUrl).mockReturnValue(pathToFileURL(join(dir, 'none.cjs')));
  expect(() => new ThreadGroup({ name: 'worker-hash', data: [0] })).toThrow(/there is no file .*none\.cjs/);
});

test('there are as many threads as other cores, within limits', () => {
  expect(threadCount(0, 0)).toBe(0);
  expect(threadCount(2, 2)).toBe(2);
  expect(threadCount(1000, 1)).toBeGreaterThanOrEqual(1);
  expect(threadCount(1000, 1)).toBeLessThan(1000);
});
