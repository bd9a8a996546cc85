import { ERROR_EXITS } from '../../core/errors.ts';
import { verifyReport } from '../../snapshot/verify/report.ts';
import { type Flags, limitsOf } from '../flags.ts';
import type { Run } from '../run.ts';

/** `ctxsrc verify <dir>`: the content key, or, with exit 5, the paths that differ. */
export async function run(run: Run, [dir]: readonly string[], flags: Flags): Promise<number | undefined> {
  const report = await verifyReport(await run.job(), dir!, limitsOf(flags));
  const { key, intact, differences, touched, incomplete } = report;
  const strict = run.flags.strict === true;
  if (incomplete.length > 0 && strict) run.incomplete(`could not look at ${incomplete.join(', ')} of ${dir}`);
  const exit = intact ? undefined : ERROR_EXITS.E_TREE_DIFFERS;
  if (run.json) {
    await run.document(report);
    return exit;
  }
  if (touched.length > 0) {
    run.note(`only the mtime of ${touched.length} ${touched.length === 1 ? 'path' : 'paths'} changed`);
  }
  if (incomplete.length > 0) run.note(`could not be looked at: ${incomplete.join(', ')}`, 'warning');
  if (intact) {
    await run.line(key);
    return undefined;
  }
  for (const { kind, path, detail } of differences)
    await run.line(`${kind} ${path}${detail === '' ? '' : `: ${detail}`}`);
  return exit;
}
