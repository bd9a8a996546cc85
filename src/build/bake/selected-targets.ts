/**
 * The targets of a bake file in JSON, as `docker buildx bake --print` prints them. Nothing is evaluated: a file that
 * needs evaluation is refused.
 */
import { isObject } from '../../core/is-object.ts';
import type { Fail } from './description.ts';

type Body = Readonly<Record<string, unknown>>;
type Blocks = Readonly<Record<string, Body>>;

/** A target as it is written, its contexts with their escapes resolved. */
export interface WrittenTarget {
  readonly name: string;
  /** It was asked for itself, and is not only what another target is built from. */
  readonly asked: boolean;
  readonly body: Body;
  readonly contexts: ReadonlyMap<string, string>;
}

/**
 * The targets that bake builds for names of targets and groups, and those that they are built from, in the order of the
 * file.
 * @param names none: the default ones
 */
export function selectedTargets(document: Body, names: readonly string[], fail: Fail): WrittenTarget[] {
  const targets = blocks(document, 'target', fail);
  const groups = blocks(document, 'group', fail);
  const asked = askedTargets(names, groups, targets, fail);
  const waiting = [...asked];
  const found = new Map<string, WrittenTarget>();
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (found.has(name)) continue;
    const target = writtenTarget(name, Object.hasOwn(targets, name) ? targets[name] : undefined, asked.has(name), fail);
    found.set(name, target);
    for (const value of target.contexts.values()) {
      const base = /^target:(.*)$/s.exec(value)?.[1];
      if (base !== undefined) waiting.push(base);
    }
  }
  return Object.keys(targets).flatMap((name) => found.get(name) ?? []);
}

/** The blocks of one kind by their labels. HCL has further forms of them in JSON, which are refused. */
function blocks(document: Body, kind: string, fail: Fail): Blocks {
  const value = document[kind] ?? {};
  if (!isObject(value)) return fail(`${kind} is no object of names`);
  for (const [name, body] of Object.entries(value)) {
    if (!isObject(body)) return fail(`the ${kind} ${name} is no object`);
  }
  return value as Blocks;
}

/** The targets that names mean, each group looked into once. */
function askedTargets(names: readonly string[], groups: Blocks, targets: Blocks, fail: Fail): Set<string> {
  const found = new Set<string>();
  const open = new Set<string>();
  const waiting = names.length === 0 ? ['default'] : [...names];
  // It grows while it is gone through.
  for (const name of waiting) {
    if (!Object.hasOwn(groups, name)) {
      if (!Object.hasOwn(targets, name)) return fail(`it has no target ${name}, which bake would build`);
      found.add(name);
    } else if (!open.has(name)) {
      open.add(name);
      const list: unknown = groups[name]!.targets;
      if (!Array.isArray(list)) return fail(`the group ${name} has no list of targets`);
      for (const member of list.map((one: unknown) => literal(`the group ${name}`, one, fail))) {
        // A group may have the name of a target in it.
        if (member === name && Object.hasOwn(targets, member)) found.add(member);
        // Of a group that contains the default one bake prints a default group that contains itself.
        else if (member === 'default' && open.has(member) && names.length === 0) {
          for (const each of unreferenced(targets)) found.add(each);
        } else waiting.push(member);
      }
    }
  }
  return found;
}

/** The targets that no other one is built from. */
function unreferenced(targets: Blocks): string[] {
  const contexts = Object.values(targets).flatMap(({ contexts }) =>
    isObject(contexts) ? Object.values(contexts) : [],
  );
  return Object.keys(targets).filter((name) => !contexts.includes(`target:${name}`));
}

function writtenTarget(name: string, body: Body | undefined, asked: boolean, fail: Fail): WrittenTarget {
  const where = `the target ${name}`;
  if (body === undefined) return fail(`it has no target ${name}, which another one is built from`);
  const evaluated = ['inherits', 'matrix', 'name'].find((member) => body[member] !== undefined);
  if (evaluated !== undefined) return fail(`${where} has ${evaluated}`);
  const contexts = body.contexts ?? {};
  if (!isObject(contexts)) return fail(`the contexts of ${where} are no object`);
  const pairs = Object.entries(contexts).map(
    ([context, value]) =>
      [literal(where, context, fail), literal(`the context ${context} of ${where}`, value, fail)] as const,
  );
  return { name, asked, body, contexts: new Map(pairs) };
}

/**
 * Every text of a bake file is a template. A template without variables is returned with its escapes resolved.
 * @throws as `fail` for the empty text, too
 */
function literal(where: string, value: unknown, fail: Fail): string {
  return value === '' ? fail(`${where} has no text where one has to be`) : unescaped(where, value, fail);
}

/** As `literal`; the text may be empty. */
export function unescaped(where: string, value: unknown, fail: Fail): string {
  if (typeof value !== 'string') return fail(`${where} has no text where one has to be`);
  // Only bake itself knows the meaning of three or more of them. The value is not shown: it may hold a secret.
  if (/(?:^|[^$])\$\{|\$\$\$\{|(?:^|[^%])%\{|%%%\{/.test(value)) return fail(`${where} uses a variable`);
  return value.replace(/([$%])\1\{/g, '$1{');
}
