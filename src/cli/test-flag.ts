import { CtxsrcError } from '../core/errors.ts';
import type { Flags } from './flags.ts';

/**
 * Whether registries are tried.
 * @throws E_USAGE where no connection may be opened
 */
export function testFlag({ test, offline }: Flags): boolean {
  if (test === true && offline === true) {
    throw new CtxsrcError('E_USAGE', '--test asks the registries, and --offline forbids to open a connection', {
      hint: 'leave one of them out',
    });
  }
  return test === true;
}
