/**
 * From a reference to an instance: text → identifier → instance, and a helper that gets all keys of an instance. The
 * layers above use sources only through this file.
 */
import type {
  Attributes,
  CacheKeyResult,
  Digests,
  Identifier,
  JobContext,
  SchemeRef,
  Source,
  SourceEnv,
  SourceInstance,
} from '../contract/index.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { shownReference } from '../core/shown-reference.ts';
import { parseReference } from './parse.ts';
import type { SourceTable } from './table.ts';

/** An identified reference, with its source. */
export interface Identified {
  readonly ref: SchemeRef;
  readonly source: Source;
  readonly identifier: Identifier;
}

/** An identified reference with its instance. */
export interface Resolved extends Identified {
  readonly instance: SourceInstance;
}

/**
 * Identifies a reference. Its source receives only the attributes that it declares; the caller checks whether the
 * others belong to another reference.
 */
export async function identify(table: SourceTable, text: string, attributes: Attributes): Promise<Identified> {
  try {
    const ref = parseReference(text);
    const source = await table.load(ref.scheme, ref.rest);
    const declared = new Set(source.attributes.map((spec) => spec.name));
    const own = Object.fromEntries(Object.entries(attributes).filter(([name]) => declared.has(name)));
    return { ref, source, identifier: source.identify(ref, own) };
  } catch (error) {
    throw withReference(error, text);
  }
}

/** The source of a reference. */
export async function sourceOf(table: SourceTable, text: string): Promise<Source> {
  return table.load(parseReference(text).scheme);
}

/** Identifies a reference and makes its instance. */
export async function resolve(
  table: SourceTable,
  text: string,
  attributes: Attributes,
  env: SourceEnv,
): Promise<Resolved> {
  const identified = await identify(table, text, attributes);
  return { ...identified, instance: identified.source.resolve(identified.identifier, env) };
}

/** More indexes than any source has: an instance that is never done is a defect of its source. */
const MAX_INDEX = 16;

/** The keys of an instance by index; the last one is its content key. */
export async function allKeys(instance: SourceInstance, job: JobContext): Promise<CacheKeyResult[]> {
  const keys: CacheKeyResult[] = [];
  for (let index = 0; index < MAX_INDEX; index += 1) {
    const result = await instance.cacheKey(job, index);
    keys.push(result);
    if (result.done) return keys;
  }
  throw new CtxsrcError('E_INTERNAL', `the source was not done after ${MAX_INDEX} keys`);
}

/** The digests of an instance; a source without a cheaper way has only its pin. */
export async function digestsOf(instance: SourceInstance, job: JobContext): Promise<Digests> {
  return (await instance.digests?.(job)) ?? { digest: (await allKeys(instance, job)).at(-1)!.pin };
}

/** Works on all references side by side. All succeed, or the error of the first in order that failed is thrown. */
export async function forEach<R extends Identified, T>(
  references: readonly R[],
  work: (one: R) => Promise<T>,
): Promise<T[]> {
  const results = await Promise.allSettled(references.map((one) => work(one)));
  return results.map((result, index) => {
    if (result.status === 'fulfilled') return result.value;
    throw withReference(result.reason, references[index]!.ref.text);
  });
}

/** Adds the reference to an error, without the secrets in it. */
export function withReference(error: unknown, text: string): unknown {
  if (isCtxsrcError(error)) error.ref ??= shownReference(text);
  return error;
}
