/** `ctxsrc lock --check`: what has moved since the lock file was written. */
import { dirname } from 'node:path';
import { ERROR_EXITS } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type Drift, driftOf, lockedReference } from '../../snapshot/lock/entry.ts';
import type { LockEntry } from '../../snapshot/lock/lock.ts';
import { entryReference, type OpenLock, type Understood } from '../../snapshot/lock/references.ts';
import { withoutDigest } from '../../source/foreign-forms.ts';
import { identify } from '../../source/resolve.ts';
import { appendStepSummary } from '../ci/step-summary.ts';
import type { Run } from '../run.ts';
import { type Asked, forPlatforms, identifyAsked, platformsBeside } from './lock.ts';

/**
 * Reports the entries that have moved. Nothing is downloaded; exit 6 if there are any. An index that has moved while the
 * images of the platforms are the same is a note, and one of them with `--strict`.
 */
export async function check(run: Run, lock: OpenLock, asked: Asked | undefined): Promise<number | undefined> {
  const { path, entries } = lock;
  const drifts: Drift[] = asked === undefined ? [] : await writtenAnew(run, lock, asked);
  const same = [...entries.keys()].filter((name) => !drifts.some((drift) => drift.name === name));
  const written: Understood[] = [];
  for (const name of same) written.push(await askedNow(run, lock, name));
  const job = await run.job();
  const found = await run.each(await run.bind(written), async (one) => {
    const entry = entries.get(one.ref.name!)!;
    return driftOf(job, one, entry, await forPlatforms(run, one, platformsBeside(entry)));
  });
  drifts.push(...found.filter((drift) => drift !== undefined));
  for (const drift of drifts) tell(run, drift, entries.get(drift.name));
  const counted = drifts.filter(({ what }) => what !== 'list' || run.flags.strict === true);
  const moved = new Set(counted.map(({ name }) => name)).size;
  const all = new Set([...entries.keys(), ...counted.map(({ name }) => name)]).size;
  await appendStepSummary(run, {
    title: `ctxsrc lock: ${moved === 0 ? 'none' : moved} of ${all} ${all === 1 ? 'context' : 'contexts'} moved`,
    changed: moved > 0,
    header: ['context', 'what', 'was', 'is'],
    rows: counted.map(({ name, what, from, to }) => [name, what, from, to]),
  });
  if (run.json) await run.document({ drift: drifts });
  else
    for (const { name, what, from, to } of counted)
      await run.line(`${name} ${what} ${from === '' ? '' : `${from} -> `}${to}`);
  if (counted.length > 0) return ERROR_EXITS.E_DRIFT;
  if (drifts.length === 0) run.note(`${path}: nothing has moved`);
  return undefined;
}

/** Contexts that are not in the lock file, or that another reference is written for now. */
async function writtenAnew(run: Run, { path, entries }: OpenLock, { contexts }: Asked): Promise<Drift[]> {
  const drifts: Drift[] = [];
  for (const one of await identifyAsked(run, contexts)) {
    const name = one.ref.name!;
    const entry = entries.get(name);
    const written = lockedReference(one, run.io.cwd, dirname(path));
    if (entry === undefined) drifts.push({ name, what: 'added', from: '', to: written });
    else if (entry.ref !== written) drifts.push({ name, what: 'reference', from: entry.ref, to: written });
  }
  return drifts;
}

/** An entry as it was written; of a tag with a digest the tag, for the digest never moves. */
async function askedNow(run: Run, lock: OpenLock, name: string): Promise<Understood> {
  const written = await entryReference(run.site(), lock, name, 'written');
  const tag = withoutDigest(lock.entries.get(name)!.ref);
  return tag === undefined ? written : identify(run.table, `${name}=${tag}`, written.identifier.attributes);
}

/** What a line of digests does not say. */
function tell(run: Run, { name, what, from, to }: Drift, entry: LockEntry | undefined): void {
  if (what === 'list') {
    const platforms = [entry?.attributes?.platform, ...platformsBeside(entry)].filter((one) => one !== undefined);
    run.note(
      `${printable(name)}: only the list moved, ${printable(platforms.join(', '))} is the same: ${from} -> ${to}`,
    );
  }
  if (what === 'tag') run.note(`${printable(name)}: the tag is now ${to}; what is built from stays ${from}`);
}
