/** What is known of a reference without its content: `ctxsrc inspect`. */
import { type Check, flag, members, nonEmpty } from '../core/check-options.ts';
import type { InspectReport } from '../snapshot/inspect/report.ts';
import { identifierMembers, type ReferenceReport } from '../source/document.ts';
import { OPTIONS, type Options } from './options.ts';
import { withSource } from './place.ts';

/** Options of `inspect`. */
export interface InspectOptions<Reference extends string = string> extends Options<Reference> {
  /** Also reads the layers of an image whose files are not known yet: `hidden`, `largest` and sizes on disk are known then. */
  readonly files?: boolean | undefined;
  /** A path of a directory: the report says what decides on it (`why`). */
  readonly why?: string | undefined;
}

/** Checks of the members of `InspectOptions`. */
export const INSPECT = { ...OPTIONS, files: flag, why: nonEmpty } satisfies Record<keyof InspectOptions, Check>;

/**
 * What is known of a reference: platforms, layers and who made them, sizes in bytes; of a directory what counts and what
 * is ignored. Costs what the key costs. What is not known without a download is null.
 * @param reference as on the command line
 * @throws CtxsrcError `E_ATTRIBUTE` for `files` of what has no layers, and those of `digest`
 */
export async function inspect<Reference extends string>(
  reference: Reference,
  options: InspectOptions<Reference> = {},
): Promise<ReferenceReport & InspectReport> {
  members(INSPECT)(options, '');
  const { files, why, ...common } = options;
  const { inspect: inspected } = await import('../snapshot/inspect/inspect.ts');
  return withSource(reference, common, async (resolved, { env, store, job }) => {
    const { report } = await inspected(job, { resolved, store, limits: options.limits, files, why });
    return { ...identifierMembers(resolved, env.defaultPlatform), ...report };
  });
}
