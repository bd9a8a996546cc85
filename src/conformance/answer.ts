/** The result of the prepared reference with some attributes: its keys, or the refusal. */
import type { Attributes } from '../contract/index.ts';
import { isCtxsrcError } from '../core/errors.ts';
import { parseReference } from '../source/parse.ts';
import { allKeys } from '../source/resolve.ts';
import type { Bench } from './bench.ts';
import { toldFailure } from './failure.ts';
import { snapshotTree, type Tree } from './tree.ts';

export interface Answer {
  /** By index; absent when the source refused. */
  readonly keys?: readonly string[];
  /** Exit code of the refusal. */
  readonly exit?: number;
  /** The keys or the refusal, in one text. */
  readonly text: string;
}

interface Asked {
  /** As with `--strict`. */
  readonly strict?: boolean;
  /** The identifier is parsed again from its own text. */
  readonly readBack?: boolean;
}

/**
 * Gets the result with these attributes in addition to the prepared ones. An error that is not a CtxsrcError is a
 * defect, and thrown.
 */
export async function answerOf(
  bench: Bench,
  attributes: Attributes,
  { strict = false, readBack = false }: Asked = {},
): Promise<Answer> {
  const { source } = bench.subject;
  const { env, job } = await bench.environment('store-a');
  try {
    const first = bench.identify(undefined, attributes);
    const id = readBack ? source.identify(parseReference(String(first)), first.attributes) : first;
    const keys = await allKeys(source.resolve(id, env), { ...job, strict });
    return { keys: keys.map(({ key }) => key), text: keys.map(({ key }) => key).join(', ') };
  } catch (error) {
    if (!isCtxsrcError(error) || error.exit === 1) throw error;
    return { exit: error.exit, text: toldFailure(error) };
  }
}

/** The files with these attributes in addition to the prepared ones, made in a store of the given name. */
export async function filesOf(bench: Bench, attributes: Attributes, store: string): Promise<Tree | undefined> {
  const { env, job } = await bench.environment(store);
  return snapshotTree(bench.subject.source.resolve(bench.identify(undefined, attributes), env), job);
}
