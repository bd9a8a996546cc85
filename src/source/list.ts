/** The schemes that references can have: what `ctxsrc sources` prints. */
import type { SourceTable } from './table.ts';

/** A scheme, with how its references are written. */
export interface SchemeReport {
  /** What stands before `://`. */
  readonly scheme: string;
  /** The grammar, for people. */
  readonly form: string;
  /** A reference of it. */
  readonly example: string;
  /** What it stands for. */
  readonly summary: string;
  /** Names of the flags that its source takes. */
  readonly attributes: readonly string[];
}

/** The schemes of all sources; those of one source follow each other, and share one list of attributes. */
export async function listSchemes(table: SourceTable): Promise<readonly SchemeReport[]> {
  const sources = await table.loadAll();
  return sources.flatMap((source) => {
    const attributes = source.attributes.map((spec) => spec.name);
    return source.grammar.map(({ scheme, form, example, summary }) => ({ scheme, form, example, summary, attributes }));
  });
}
