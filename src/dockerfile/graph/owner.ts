/** Owners as `--chown` and USER write them. */
import type { Owner, User } from './file-operation.ts';

/** `USER[:GROUP]`, each a name or a number; `root` is 0. */
export function parseOwner(text: string): Owner {
  const colon = text.indexOf(':');
  if (colon < 0) return { user: parseUser(text) };
  return { user: parseUser(text.slice(0, colon)), group: parseUser(text.slice(colon + 1)) };
}

/** Numbers are 32 bits with a sign, and kept without it. */
function parseUser(text: string): User {
  if (text === 'root' || text === '') return { id: 0 };
  const number = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return number >= -(2 ** 31) && number < 2 ** 31 ? { id: number >>> 0 } : { name: text };
}
