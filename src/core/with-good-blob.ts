import { isCtxsrcError } from './errors.ts';

/**
 * Brings a blob and works with it; once more if the one in the store was damaged, which is removed then, and fetched the
 * second time. Nothing of the first time may be used in the second.
 */
export async function withGoodBlob<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isCtxsrcError(error, 'E_STORE_CORRUPT')) throw error;
    return work();
  }
}
