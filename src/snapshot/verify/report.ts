/** What `ctxsrc verify` finds: the document of `--json`, and what the library returns. */
import type { JobContext } from '../../contract/session.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import { type Difference, verifySnapshot } from './verify.ts';

/** A snapshot directory compared with what was written into it. */
export interface VerifyReport {
  /** The directory, as it was given. */
  readonly dir: string;
  /** The reference that was written. */
  readonly ref: string;
  /** The same, normalised. */
  readonly identifier: string;
  /** Content key of what was written. */
  readonly key: string;
  /** The files are what was written. */
  readonly intact: boolean;
  /** Each path that differs, in the order of paths. */
  readonly differences: readonly Difference[];
  /** Paths of which only the time changed, which the key does not cover. */
  readonly touched: readonly string[];
  /** Properties that could not be looked at, for instance `xattrs`. */
  readonly incomplete: readonly string[];
}

/** Compares the directory with its sidecar. Errors: those of `verifySnapshot`. */
export async function verifyReport(job: JobContext, dir: string, limits?: ReadLimits): Promise<VerifyReport> {
  const { sidecar, differences, notes, incomplete } = await verifySnapshot(job, dir, limits);
  const { reference: ref, identifier, key } = sidecar;
  return { dir, ref, identifier, key, intact: differences.length === 0, differences, touched: notes, incomplete };
}

/** @throws CtxsrcError `E_INCOMPLETE` if anything could not be looked at */
export function refuseUnverified({ dir, incomplete }: VerifyReport): void {
  if (incomplete.length === 0) return;
  throw new CtxsrcError('E_INCOMPLETE', `could not look at ${incomplete.join(', ')} of ${dir}`, {
    hint: 'install the optional package koffi, or do without strict',
    details: { incomplete },
  });
}
