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
