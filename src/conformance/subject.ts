/** What the author of a source gives to the kit: the source, and a function that makes its input. */
import type { Attributes, NetworkOptions, Source } from '../contract/index.ts';
import { arrayOf, call, flag, having, list, members, nonEmpty } from '../core/check-options.ts';
import { CtxsrcError } from '../core/errors.ts';
import { checkAttributes } from '../source/check-attributes.ts';
import { toldFailure } from './failure.ts';

/** References to check a source with. */
export interface Prepared {
  /** A reference with content. */
  readonly reference: string;
  /** The flags that the reference is used with. */
  readonly attributes?: Attributes | undefined;
  /**
   * Added to `attributes`, one after another: together they contain every attribute that the source declares. Each
   * attribute must have an effect: without it, the files and the key are different.
   */
  readonly variants?: readonly Attributes[] | undefined;
  /**
   * Changes one byte of the content of `reference`, which must change the content key. Absent if references name
   * content by its digest.
   */
  readonly change?: (() => Promise<void>) | undefined;
  /** Invalid references: each must be refused with exit 2. */
  readonly malformed: readonly string[];
  /** A reference to something that exists and is empty, if the source has such a thing. */
  readonly empty?: string | undefined;
  /** Files and directories that the source reads and must not write. */
  readonly watched?: readonly string[] | undefined;
  /** True if the content comes over a connection: `--offline` must fail then. */
  readonly remote?: boolean | undefined;
  /** Stops what was started. */
  readonly close?: (() => Promise<void>) | undefined;
}

/** A source to check. */
export interface Subject {
  /** The source. */
  readonly source: Source;
  /**
   * Makes the references in an empty directory of the kit. It is called several times; the content must be the same
   * each time, whatever the name of the directory.
   */
  readonly prepare: (dir: string) => Promise<Prepared>;
  /** How another process loads the source: a module that exports `source`, as a URL, or a built-in scheme. */
  readonly origin: { readonly module: string } | { readonly scheme: string };
  /** How it reaches its servers. */
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
 * The result of `prepare` in a directory, checked: a misspelt member would otherwise be ignored in silence.
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
