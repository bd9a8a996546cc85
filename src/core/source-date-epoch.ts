import { CtxsrcError } from './errors.ts';

/**
 * The value of SOURCE_DATE_EPOCH, in seconds; undefined if it is not set. Read before the work that it is for, too.
 * @throws CtxsrcError `E_USAGE`
 */
export function sourceDateEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new CtxsrcError('E_USAGE', `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}`, {
    hint: 'it takes seconds since 1970, or unset it',
  });
}
