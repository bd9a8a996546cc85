/** What the author of a source hands to the kit beside the source: how to make something to read. */
import type { Attributes, NetworkOptions, Source } from '../contract/index.ts';
import { arrayOf, call, flag, having, list, members, nonEmpty } from '../core/check-options.ts';
import { CtxsrcError } from '../core/errors.ts';
import { checkAttributes } from '../source/check-attributes.ts';
import { toldFailure } from './failure.ts';

/** References to check a source with. */
export interface Prepared {
  /** A reference with content. */
  readonly reference: string;
  readonly attributes?: Attributes | undefined;
  /**
   * What is added to `attributes`, in turn: together they name every attribute that the source declares. Each attribute
   * has to count: when it alone is left out, other files follow, and another key.
   */
  readonly variants?: readonly Attributes[] | undefined;
  /**
   * Changes one byte of the content that `reference` names: another content key has to follow. Absent where a reference
   * names content by its digest and there is nothing that could change.
   */
  readonly change?: (() => Promise<void>) | undefined;
  /** References that are not valid: each has to be refused with exit 2. */
  readonly malformed: readonly string[];
  /** A reference to something that exists and is empty, where the source knows such a thing. */
  readonly empty?: string | undefined;
  /** Files and directories that the source reads and may not write. */
  readonly watched?: readonly string[] | undefined;
  /** True when the content comes over a connection: `--offline` then has to fail. */
  readonly remote?: boolean | undefined;
  /** Stops what was started. */
  readonly close?: (() => Promise<void>) | undefined;
}

export interface Subject {
  readonly source: Source;
  /**
   * Makes the references in an empty directory of the kit's. It is called several times; the content must be the same
   * each time, whatever the directory is called.
   */
  readonly prepare: (dir: string) => Promise<Prepared>;
  /** How the source is loaded in another process: a module that exports `source`, as an URL, or a built-in scheme. */
  readonly origin: { readonly module: string } | { readonly scheme: string };
  readonly network?: Partial<NetworkOptions> | undefined;
  /** Moments of a snapshot at which an abort is tried; 12 when absent. */
  readonly aborts?: number | undefined;
  /** Milliseconds that a call may go on after its job was aborted; 2000 when absent. */
  readonly patience?: number | undefined;
}

const anything = having('an object', {});

const PREPARED = members({
  reference: nonEmpty,
  attributes: anything,
  variants: arrayOf(anything),
  change: call,
  malformed: list,
  empty: nonEmpty,
  watched: list,
  remote: flag,
  close: call,
} satisfies Record<keyof Prepared, unknown>);

/**
 * What `prepare` makes in a directory, checked: a member that is spelt wrongly would otherwise try nothing, in silence.
 * @throws E_SOURCE_MODULE
 */
export async function prepareSubject({ source, prepare }: Subject, dir: string): Promise<Prepared> {
  try {
    const prepared = await prepare(dir);
    PREPARED(prepared, 'prepare()');
    nonEmpty(prepared.reference, 'prepare().reference');
    list(prepared.malformed, 'prepare().malformed');
    for (const attributes of [prepared.attributes ?? {}, ...(prepared.variants ?? [])]) {
      checkAttributes(source.attributes, attributes);
    }
    return prepared;
  } catch (error) {
    throw new CtxsrcError('E_SOURCE_MODULE', `prepare() gave nothing to test with: ${toldFailure(error)}`, {
      cause: error,
      hint: 'it gives { reference, malformed } and, where the source has them, attributes, variants, change, empty, watched, remote and close: docs/sources.md',
    });
  }
}
