/** What has moved since a lock file was written. Nothing is downloaded. */
import { dirname } from 'node:path';
import { withoutDigest } from '../../source/foreign-forms.ts';
import { forEach, identify } from '../../source/resolve.ts';
import { type Drift, driftOf, lockedReference } from './entry.ts';
import { bind, entryReference, type OpenLock, type Understood } from './references.ts';
import { forPlatforms, type LockWork, platformsBeside } from './renew.ts';

/**
 * The entries that have moved, and of the contexts asked for those that are new or written otherwise.
 * @param asked undefined: the entries alone
 * @throws CtxsrcError those of the references
 */
export async function driftsOf(
  work: LockWork,
  lock: OpenLock,
  asked: readonly Understood[] | undefined,
): Promise<Drift[]> {
  const { entries } = lock;
  const drifts = writtenAnew(work, lock, asked ?? []);
  const same = [...entries.keys()].filter((name) => !drifts.some((drift) => drift.name === name));
  const written: Understood[] = [];
  for (const name of same) written.push(await askedNow(work, lock, name));
  const found = await forEach(bind(written, work.env), async (one) => {
    const entry = entries.get(one.ref.name!)!;
    return driftOf(work.job, one, entry, await forPlatforms(work, one, platformsBeside(entry)));
  });
  return [...drifts, ...found.filter((drift) => drift !== undefined)];
}

/**
 * The drifts that count. An index that has moved while the images of the platforms are the same does so only where it
 * is asked for.
 */
export function countedDrifts(drifts: readonly Drift[], strict: boolean): Drift[] {
  return drifts.filter(({ what }) => what !== 'list' || strict);
}

/** Contexts that are not in the lock file, or that another reference is written for now. */
function writtenAnew({ site }: LockWork, { path, entries }: OpenLock, asked: readonly Understood[]): Drift[] {
  const drifts: Drift[] = [];
  for (const one of asked) {
    const name = one.ref.name!;
    const entry = entries.get(name);
    const written = lockedReference(one, site.cwd, dirname(path));
    if (entry === undefined) drifts.push({ name, what: 'added', from: '', to: written });
    else if (entry.ref !== written) drifts.push({ name, what: 'reference', from: entry.ref, to: written });
  }
  return drifts;
}

/** An entry as it was written; of a tag with a digest the tag, for the digest never moves. */
async function askedNow({ site }: LockWork, lock: OpenLock, name: string): Promise<Understood> {
  const written = await entryReference(site, lock, name, 'written');
  const tag = withoutDigest(lock.entries.get(name)!.ref);
  return tag === undefined ? written : identify(site.table, `${name}=${tag}`, written.identifier.attributes);
}
