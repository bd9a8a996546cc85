/** Checks what a source from outside declares, before its use: a flag of another source would never reach it. */
import type { AttributeSpec, Source } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { SourceTable } from './table.ts';

const KINDS: readonly string[] = ['text', 'number', 'flag', 'list'] satisfies AttributeSpec['kind'][];

/**
 * Adds a source from outside to the table.
 * @param origin where the source comes from, for the message
 * @throws E_SOURCE_MODULE for an existing scheme, an invalid attribute, and a flag that another source has
 */
export async function addSource(table: SourceTable, source: Source, origin: string): Promise<void> {
  const others = source.attributes.length === 0 ? [] : await table.loadAll();
  table.add(source, origin);
  if (others.length === 0) return;
  const builtIn = await new SourceTable().loadAll();
  for (const spec of source.attributes) {
    checkSpec(spec, origin);
    for (const other of others) {
      const same = other.attributes.find((theirs) => sameFlag(theirs, spec));
      // Independent authors may declare the same flag.
      if (same === undefined || (!builtIn.includes(other) && same.kind === spec.kind)) continue;
      throw takenFlag(source, spec, origin, `a flag of ${other.schemes.join(', ')}`);
    }
  }
}

/** The error for an attribute whose flag another source has. */
export function takenFlag(source: Source, { name, short }: AttributeSpec, origin: string, whose: string): CtxsrcError {
  const flag = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const own = `${source.schemes[0]!.replace(/[^a-z0-9]+/g, '-')}-${name}`;
  const message = `the source module ${origin} declares the attribute ${name}, but ${flag} is ${whose} already: its value would not reach the source`;
  return new CtxsrcError('E_SOURCE_MODULE', message, {
    hint: `call it by a name of its own, for instance ${own}${short === undefined ? '' : ', without a short form'}`,
  });
}

function sameFlag(a: AttributeSpec, b: AttributeSpec): boolean {
  return a.name === b.name || (a.short !== undefined && a.short === b.short);
}

function checkSpec({ name, kind }: AttributeSpec, origin: string): void {
  const what = `the source module ${origin} declares the attribute ${JSON.stringify(name)}`;
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new CtxsrcError('E_SOURCE_MODULE', `${what}, which cannot be the name of a flag`, {
      hint: 'a name has lower case letters and digits, with single dashes between them: only-prefix',
    });
  }
  if (!KINDS.includes(kind)) {
    throw new CtxsrcError('E_SOURCE_MODULE', `${what} of the kind ${JSON.stringify(kind)}, which there is not`, {
      hint: `the kinds are ${KINDS.join(', ')}`,
    });
  }
}
