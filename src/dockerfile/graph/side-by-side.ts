/** The results of works that run side by side. Of several failures the first in order is thrown, not the quickest. */
export async function allOrFirstFailure<T>(works: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(works);
  return settled.map((work) => {
    if (work.status === 'rejected') throw work.reason;
    return work.value;
  });
}
