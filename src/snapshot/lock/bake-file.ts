/**
 * The contexts of a bake file in JSON, the same that `docker buildx bake --print` prints. Nothing is evaluated: a file
 * that needs evaluation is refused.
 */
import { isObject } from '../../core/is-object.ts';
import type { Fail, FoundContext } from './found-context.ts';

/** The contexts of the default group's targets, and of the targets that they are built from. */
export function bakeContexts(document: Readonly<Record<string, unknown>>, fail: Fail): FoundContext[] {
  const targets = blocks(document, 'target', fail);
  const found: FoundContext[] = [];
  const waiting = defaultTargets(blocks(document, 'group', fail), targets, fail);
  const seen = new Set<string>();
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const context of targetContexts(name, targets[name], fail)) {
      found.push(context);
      const base = /^target:(.*)$/s.exec(context.value)?.[1];
      if (base !== undefined) waiting.push(base);
    }
  }
  return found;
}

type Blocks = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The blocks of one kind by their labels. HCL has further forms of them in JSON, which are refused. */
function blocks(document: Readonly<Record<string, unknown>>, kind: string, fail: Fail): Blocks {
  const value = document[kind] ?? {};
  if (!isObject(value)) return fail(`${kind} is no object of names`);
  for (const [name, body] of Object.entries(value)) {
    if (!isObject(body)) return fail(`the ${kind} ${name} is no object`);
  }
  return value as Blocks;
}

function defaultTargets(groups: Blocks, targets: Blocks, fail: Fail): string[] {
  const open = new Set<string>();
  const resolve = (name: string): string[] => {
    const group = open.has(name) ? undefined : groups[name];
    if (group === undefined) return [name];
    open.add(name);
    const members: unknown = group.targets;
    if (!Array.isArray(members)) return fail(`the group ${name} has no list of targets`);
    return members.flatMap((member: unknown) => resolve(literal(`the group ${name}`, member, fail)));
  };
  const names = resolve('default');
  const missing = names.find((name) => targets[name] === undefined);
  return missing === undefined ? names : fail(`it has no target ${missing}, which bake would build`);
}

function targetContexts(
  name: string,
  target: Readonly<Record<string, unknown>> | undefined,
  fail: Fail,
): FoundContext[] {
  const where = `the target ${name}`;
  if (target === undefined) return fail(`it has no target ${name}, which another one is built from`);
  const evaluated = ['inherits', 'matrix', 'name'].find((member) => target[member] !== undefined);
  if (evaluated !== undefined) return fail(`${where} has ${evaluated}`);
  const contexts = target.contexts ?? {};
  if (!isObject(contexts)) return fail(`the contexts of ${where} are no object`);
  return Object.entries(contexts).map(([context, value]) => ({
    where,
    name: literal(where, context, fail),
    value: literal(`the context ${context} of ${where}`, value, fail),
  }));
}

/** Every text of a bake file is a template. A template without variables is returned with its escapes resolved. */
function literal(where: string, value: unknown, fail: Fail): string {
  if (typeof value !== 'string' || value === '') return fail(`${where} has no text where one has to be`);
  // Only bake itself knows the meaning of three or more of them.
  if (/(?:^|[^$])\$\{|\$\$\$\{|(?:^|[^%])%\{|%%%\{/.test(value)) return fail(`${where} uses a variable: ${value}`);
  return value.replace(/([$%])\1\{/g, '$1{');
}
