import { setMaxListeners } from 'node:events';

/** What works that run side by side came to. */
type Results<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> };

/**
 * The results of works that run side by side, once all have ended. Of several failures the first in order is thrown, not
 * the quickest.
 */
export async function allOrFirstFailure<T extends readonly unknown[]>(works: T): Promise<Results<T>> {
  const settled = await Promise.allSettled(works);
  return settled.map((work) => {
    if (work.status === 'rejected') throw work.reason;
    return work.value;
  }) as Results<T>;
}

/**
 * Works on all items, so many at once. The first failure ends the work on the others by their signal, and is thrown.
 * @param most how many at once; it may become less
 * @param work gets the signal that ends it
 */
export async function workThrough<T>(
  items: readonly T[],
  { most, signal }: { readonly most: () => number; readonly signal: AbortSignal },
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const stop = new AbortController();
  const shared = AbortSignal.any([signal, stop.signal]);
  // Every item in work has a listener.
  setMaxListeners(0, shared);
  const errors: unknown[] = [];
  const worker = async (number: number): Promise<void> => {
    while (queue.length > 0 && errors.length === 0 && number < most()) {
      try {
        await work(queue.shift()!, shared);
      } catch (error) {
        errors.push(error);
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: most() }, (_, number) => worker(number)));
  if (errors.length > 0) throw errors[0];
}
