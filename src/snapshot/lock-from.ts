/**
 * Names and references of contexts from the files that builds are described in: bake files (JSON and HCL) and compose
 * files. Only literal values are read: nothing is evaluated, no variable looked up.
 */
import { extname } from 'node:path';
import { CtxsrcError } from '../core/errors.ts';
import { type Fail, type FoundContext, readBakeHcl } from './bake-hcl.ts';
import { isContextName } from './lock.ts';

/** Contexts by name, references as the file has them; and the names whose values stand for something inside the build. */
export interface NamedContexts {
  readonly contexts: ReadonlyMap<string, string>;
  readonly skipped: readonly string[];
}

/** Reads a file by its name and content. `E_CONFIG` says what is wrong where. */
export async function readNamedContexts(path: string, text: string): Promise<NamedContexts> {
  const fail: Fail = (what) => {
    throw new CtxsrcError('E_CONFIG', `cannot read contexts from ${path}: ${what}`, {
      hint: 'for a bake file with variables or functions: docker buildx bake --print > bake.json, and --from bake.json',
    });
  };
  const extension = extname(path).toLowerCase();
  if (extension === '.hcl') return collect(readBakeHcl(text, fail), fail);
  const document = extension === '.json' ? parseJson(text, fail) : await parseYaml(text, fail);
  if (!isObject(document)) return fail('it is neither a bake nor a compose file');
  if (isObject(document.target)) return collect(bakeTargets(document.target, fail), fail);
  if (isObject(document.services)) return collect(composeServices(document.services, fail), fail);
  return fail('it has neither targets (bake) nor services (compose)');
}

function collect(found: Iterable<FoundContext>, fail: Fail): NamedContexts {
  const contexts = new Map<string, string>();
  const skipped: string[] = [];
  for (const [where, name, reference] of found) {
    if (!isContextName(name)) return fail(`${where} has a context named ${JSON.stringify(name)}`);
    if (/^(target|input|service):/.test(reference)) {
      skipped.push(name);
      continue;
    }
    const earlier = contexts.get(name);
    if (earlier !== undefined && earlier !== reference) {
      return fail(`the context ${name} is ${earlier} in one place and ${reference} in ${where}`);
    }
    contexts.set(name, reference);
  }
  return { contexts, skipped };
}

function* bakeTargets(targets: Readonly<Record<string, unknown>>, fail: Fail): Generator<FoundContext> {
  for (const [target, body] of Object.entries(targets)) {
    if (isObject(body) && body.contexts !== undefined) yield* entriesOf(`target ${target}`, body.contexts, fail);
  }
}

function* composeServices(services: Readonly<Record<string, unknown>>, fail: Fail): Generator<FoundContext> {
  for (const [service, body] of Object.entries(services)) {
    const build = isObject(body) ? body.build : undefined;
    if (isObject(build) && build.additional_contexts !== undefined) {
      yield* entriesOf(`service ${service}`, build.additional_contexts, fail);
    }
  }
}

/** A map, or a list of `NAME=REF`. */
function* entriesOf(where: string, value: unknown, fail: Fail): Generator<FoundContext> {
  const pairs: [unknown, unknown][] = Array.isArray(value)
    ? value.map((item: unknown) => {
        const text = String(item);
        const equals = text.indexOf('=');
        return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
      })
    : isObject(value)
      ? Object.entries(value)
      : fail(`the contexts of ${where} are neither a map nor a list`);
  for (const [name, reference] of pairs) {
    if (typeof reference !== 'string' || reference === '')
      return fail(`the context ${String(name)} of ${where} is no text`);
    if (reference.includes('${')) return fail(`the context ${String(name)} of ${where} uses a variable: ${reference}`);
    yield [where, String(name), reference];
  }
}

function parseJson(text: string, fail: Fail): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail((error as Error).message);
  }
}

async function parseYaml(text: string, fail: Fail): Promise<unknown> {
  // A CommonJS package: bundled, it has nothing but its default export.
  const { default: yaml } = await import('yaml');
  try {
    return yaml.parse(text, { maxAliasCount: 100 });
  } catch (error) {
    return fail((error as Error).message.split('\n')[0]!);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
