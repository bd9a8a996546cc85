import type { ChangedReport } from '../../build/bake/changed.ts';
import { printableJson } from '../../core/printable.ts';
import { appendStepSummary } from '../ci/step-summary.ts';
import type { Run } from '../run.ts';

/** Prints what `inputs --changed-since` found: the names of the targets to build as one JSON list, fit for a matrix. */
export async function printChanged(run: Run, report: ChangedReport): Promise<undefined> {
  const { changed, targets } = report;
  await run.githubOutput({ targets: JSON.stringify(changed) });
  await appendStepSummary(run, {
    title: `ctxsrc inputs: ${changed.length === 0 ? 'none' : changed.length} of ${targets.length} targets changed`,
    changed: changed.length > 0,
    header: ['target', 'key'],
    rows: targets.filter(({ known }) => !known).map(({ target, key }) => [target, key]),
  });
  run.note(`${changed.length} of ${targets.length} targets changed`);
  if (run.json) return run.document(report);
  return run.exact(printableJson(`${JSON.stringify(changed)}\n`));
}
