import type { Identifier, Source } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';

/**
 * The identifier, which has to come from the source.
 * @param member a member that only the source's own identifiers have
 * @throws E_INTERNAL for one of another source
 */
export function ownIdentifier<T extends Identifier>({ schemes }: Source, id: Identifier, member: keyof T & string): T {
  if (schemes.includes(id.scheme) && member in id) return id as T;
  throw new CtxsrcError('E_INTERNAL', `${id} is not an identifier of ${schemes.join(' or ')}`);
}
