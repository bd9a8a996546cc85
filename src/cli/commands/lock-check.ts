/** `ctxsrc lock --check`: what has moved since the lock file was written. */
import { ERROR_EXITS } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { countedDrifts, driftsOf } from '../../snapshot/lock/check.ts';
import type { Drift } from '../../snapshot/lock/entry.ts';
import type { LockEntry } from '../../snapshot/lock/lock.ts';
import type { OpenLock } from '../../snapshot/lock/references.ts';
import { platformsBeside } from '../../snapshot/lock/renew.ts';
import { appendStepSummary } from '../ci/step-summary.ts';
import type { Run } from '../run.ts';
import { type Asked, identifyAsked } from './lock.ts';

/**
 * Reports the entries that have moved. Nothing is downloaded; exit 6 if there are any. An index that has moved while the
 * images of the platforms are the same is a note, and one of them with `--strict`.
 */
export async function check(run: Run, lock: OpenLock, asked: Asked | undefined): Promise<number | undefined> {
  const { path, entries } = lock;
  const understood = asked === undefined ? undefined : await identifyAsked(run, asked.contexts);
  const drifts = await driftsOf(await run.lockWork(), lock, understood);
  for (const drift of drifts) tell(run, drift, entries.get(drift.name));
  const counted = countedDrifts(drifts, run.flags.strict === true);
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
