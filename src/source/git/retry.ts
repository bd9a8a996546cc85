/** Retries a call to a remote after transient failures, by the same rules as requests to a registry. */
import type { JobContext, NetworkOptions } from '../../contract/index.ts';
import { CtxsrcError, type ErrorCode } from '../../core/errors.ts';
import { systemClock } from '../../http/clock.ts';
import { retry, TransientError } from '../../http/retry.ts';
import { isBusy } from '../../http/retry-after.ts';

const PASSING: readonly ErrorCode[] = ['E_NETWORK', 'E_SERVER', 'E_STALLED', 'E_RATE_LIMIT'];

const mayHeal = ({ details }: CtxsrcError): boolean => details?.status === undefined || isBusy(Number(details.status));

/** Runs `work`, with retries after transient failures as the options allow. */
export function retrying<T>(job: JobContext, network: NetworkOptions, work: () => Promise<T>): Promise<T> {
  const policy = { retries: network.retry, maxWait: network.maxWait, clock: systemClock };
  const attempt = async (): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof CtxsrcError && PASSING.includes(error.code) && mayHeal(error)) {
        throw new TransientError(error);
      }
      throw error;
    }
  };
  return retry(policy, job, attempt);
}
