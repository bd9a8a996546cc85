/** A target of a bake file with everything that decides what it builds. */

import { isObject } from '../../core/is-object.ts';
import type { Fail } from './description.ts';
import { unescaped, type WrittenTarget } from './selected-targets.ts';

export interface BakeTarget {
  readonly name: string;
  /** It was asked for itself, and is not only what another target is built from. */
  readonly asked: boolean;
  /** Undefined: the folder that relative paths start from. */
  readonly context: string | undefined;
  /** Relative to the context. */
  readonly dockerfile: string | undefined;
  /** The text of the Dockerfile. */
  readonly inline: string | undefined;
  /** The stage. */
  readonly stage: string | undefined;
  readonly args: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly platforms: readonly string[];
  readonly contexts: ReadonlyMap<string, string>;
  readonly network: string | undefined;
  readonly shmSize: string | undefined;
  readonly ulimits: readonly string[];
  /** Host names and their addresses, several with commas. */
  readonly extraHosts: ReadonlyMap<string, string>;
  /** Source policies in the form of `--policy`. */
  readonly policies: readonly string[];
  /** It is built without a cache, whatever its key says. */
  readonly withoutCache: boolean;
}

/** Reads a target. What changes neither the build nor its key, such as tags and outputs, is passed over. */
export function bakeTarget({ name, asked, body, contexts }: WrittenTarget, fail: Fail): BakeTarget {
  const where = (member: string): string => `${member} of the target ${name}`;
  const text = (member: string): string | undefined => {
    const value = body[member] ?? undefined;
    return value === undefined ? undefined : plain(where(member), value, fail);
  };
  const list = (member: string): string[] => {
    const value = body[member] ?? [];
    if (!Array.isArray(value)) return fail(`${where(member)} is no list`);
    return value.map((item: unknown) => plain(where(member), item, fail));
  };
  const map = (member: string): Map<string, string> => {
    const value = body[member] ?? {};
    if (!isObject(value)) return fail(`${where(member)} is no object`);
    // A member that is null is not set.
    const set = Object.entries(value).filter(([, one]) => one !== null);
    return new Map(
      set.map(([key, one]) => [unescaped(where(member), key, fail), plain(where(`${member}.${key}`), one, fail)]),
    );
  };
  return {
    name,
    asked,
    context: text('context'),
    dockerfile: text('dockerfile'),
    inline: text('dockerfile-inline'),
    stage: text('target'),
    args: map('args'),
    labels: map('labels'),
    platforms: list('platforms'),
    contexts,
    network: text('network'),
    shmSize: text('shm-size'),
    ulimits: list('ulimits'),
    extraHosts: map('extra-hosts'),
    policies: policies(where('policy'), body.policy ?? [], fail),
    withoutCache: body['no-cache'] === true || list('no-cache-filter').length > 0,
  };
}

/** bake takes numbers and booleans for texts; how it would spell other numbers is its own affair. */
function plain(where: string, value: unknown, fail: Fail): string {
  return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : unescaped(where, value, fail);
}

/** Each is a text, or an object of what the text would hold. */
function policies(where: string, value: unknown, fail: Fail): string[] {
  if (!Array.isArray(value)) return fail(`${where} is no list`);
  return value.map((one: unknown) => {
    if (!isObject(one)) return unescaped(where, one, fail);
    const set = Object.entries(one).filter(([, field]) => field !== null && field !== '');
    return set.map(([name, field]) => `${name}=${plain(where, field, fail)}`).join(',');
  });
}
