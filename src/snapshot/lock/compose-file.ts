/**
 * The contexts of a compose file, the same that `docker buildx bake --print` prints. Nothing is evaluated and no other
 * file is read: a file that needs it is refused.
 */
import type { Fail } from '../../build/bake/description.ts';
import { isObject } from '../../core/is-object.ts';
import type { FoundContext } from './found-context.ts';

/** The additional contexts of all services. */
export function composeContexts(document: Readonly<Record<string, unknown>>, fail: Fail): FoundContext[] {
  if (document.include !== undefined) return fail('it includes other files');
  if (!isObject(document.services)) return fail('services is no object');
  return Object.entries(document.services).flatMap(([service, body]) => {
    const where = `the service ${service}`;
    if (!isObject(body)) return [];
    if (body.extends !== undefined) return fail(`${where} extends another one`);
    if (!isObject(body.build)) return [];
    const bake = body.build['x-bake'];
    if (isObject(bake) && bake.contexts !== undefined) return fail(`${where} has contexts for bake alone`);
    return pairs(where, body.build.additional_contexts ?? {}, fail).map(([name, value]) => {
      if (typeof value !== 'string' || value === '') return fail(`the context ${name} of ${where} is no text`);
      return { where, name, value: literal(`the context ${name} of ${where}`, value, fail) };
    });
  });
}

/** A map, or a list of `NAME=VALUE`; in a list, names are checked for variables, too. */
function pairs(where: string, contexts: unknown, fail: Fail): [name: string, value: unknown][] {
  if (isObject(contexts)) return Object.entries(contexts);
  if (!Array.isArray(contexts)) return fail(`the contexts of ${where} are neither a map nor a list`);
  return contexts.map((item: unknown) => {
    const text = String(item);
    const equals = text.indexOf('=');
    const name = text.slice(0, equals);
    if (equals < 0) return fail(`a context of ${where} is not NAME=VALUE`);
    return [literal(`the name ${name} of a context of ${where}`, name, fail), text.slice(equals + 1)];
  });
}

/**
 * `$$` is a dollar sign; any other `$`, and `~`, depends on the machine that runs compose. No error shows the value: it
 * may hold a secret.
 */
function literal(where: string, value: string, fail: Fail): string {
  if (/^~/.test(value)) return fail(`${where} lies in a home directory`);
  if (value.replaceAll('$$', '').includes('$')) return fail(`${where} uses a variable`);
  return value.replaceAll('$$', '$');
}
