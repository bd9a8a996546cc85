import { isCtxsrcError } from '../../src/core/errors.ts';

/** The code that the work fails with. Throws when it does not fail, or with anything but an error of this program. */
export async function failureCode(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isCtxsrcError(error)) return error.code;
    throw error;
  }
  throw new Error('no failure');
}
