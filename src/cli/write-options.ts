import type { WriteFilter, WriteOptions } from '../contract/index.ts';
import { sourceDateEpoch } from '../core/source-date-epoch.ts';
import { writeLimits } from '../snapshot/write/write-snapshot.ts';
import type { Resolved } from '../source/resolve.ts';
import { type Flags, limitsOf, textFlag } from './flags.ts';
import type { Run } from './run.ts';

/** The options of writing files, from flags and the environment. */
export function writeOptions(run: Run, one: Resolved, flags: Flags): WriteOptions {
  const text = (name: string) => textFlag(flags, name);
  const owner = (text('owner') ?? 'auto') as WriteOptions['owner'];
  const mode = (text('mode') ?? 'auto') as WriteOptions['mode'];
  return {
    owner,
    mode,
    limits: writeLimits(limitsOf(flags)),
    filter: writeFilter(one, flags),
    epoch: sourceDateEpoch(run.io.env.SOURCE_DATE_EPOCH),
  };
}

/** Patterns that the source declares as attributes are part of its identity; others select what is written. */
function writeFilter(one: Resolved, flags: Flags): WriteFilter | undefined {
  const own = new Set(one.source.attributes.map((spec) => spec.name));
  const filter = {
    subpath: textFlag(flags, 'subpath'),
    include: own.has('include') ? undefined : (flags.include as readonly string[] | undefined),
    exclude: own.has('exclude') ? undefined : (flags.exclude as readonly string[] | undefined),
  };
  return Object.values(filter).some((value) => value !== undefined) ? filter : undefined;
}
