/** `--filter` of `cache ls`, `du` and `prune`. */
import type { StoreItem } from '../../contract/store.ts';
import { CtxsrcError } from '../../core/errors.ts';

const FILTER_NAMES = ['kind', 'name', 'id', 'digest'] as const;

/**
 * `NAME=VALUE`, `NAME!=VALUE` or `NAME~=REGULAR EXPRESSION`; all have to match.
 * @throws E_USAGE
 */
export function parseFilters(filters: readonly string[] = []): (item: StoreItem) => boolean {
  const tests = filters.map((filter) => {
    const match = /^([a-z]+)(!=|~=|=)(.*)$/s.exec(filter);
    const name = FILTER_NAMES.find((candidate) => candidate === match?.[1]);
    if (match === null || name === undefined) {
      throw new CtxsrcError('E_USAGE', `filter ${JSON.stringify(filter)} is not understood`, {
        hint: `write kind=snapshot, name=NAME or name~=REGEX; names are ${FILTER_NAMES.join(', ')}`,
      });
    }
    const [, , operator, value = ''] = match;
    if (operator === '~=') {
      const pattern = regularExpression(value, filter);
      return (item: StoreItem) => pattern.test(item[name] ?? '');
    }
    return (item: StoreItem) => (item[name] === value) === (operator === '=');
  });
  return (item) => tests.every((test) => test(item));
}

function regularExpression(text: string, filter: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new CtxsrcError('E_USAGE', `filter ${JSON.stringify(filter)} has no valid regular expression`, {
      cause: error,
    });
  }
}
