/** What work fails with. All throw when it does not fail, or with anything but an error of this program. */
import { type CtxsrcError, isCtxsrcError } from '../../src/core/errors.ts';

export async function failureCode(work: Promise<unknown>): Promise<string> {
  return (await failure(work)).code;
}

/** The code and the message. */
export async function failureText(work: Promise<unknown>): Promise<string> {
  const { code, message } = await failure(work);
  return `${code} ${message}`;
}

export async function failure(work: Promise<unknown>): Promise<CtxsrcError> {
  try {
    await work;
  } catch (error) {
    if (isCtxsrcError(error)) return error;
    throw error;
  }
  throw new Error('no failure');
}
