import { ERROR_EXITS } from '../../core/errors.ts';
import { verifySnapshot } from '../../snapshot/verify/verify.ts';
import { type Flags, limitsOf } from '../flags.ts';
import type { Run } from '../run.ts';

/** `ctxsrc verify <dir>`: the content key, or, with exit 5, the paths that differ. */
export async function run(run: Run, [dir]: readonly string[], flags: Flags): Promise<number | undefined> {
  const { sidecar, differences, notes, incomplete } = await verifySnapshot(await run.job(), dir!, limitsOf(flags));
  const strict = run.flags.strict === true;
  if (incomplete.length > 0 && strict) run.incomplete(`could not look at ${incomplete.join(', ')} of ${dir}`);
  const exit = differences.length === 0 ? undefined : ERROR_EXITS.E_TREE_DIFFERS;
  if (run.json) {
    await run.document({
      dir,
      ref: sidecar.reference,
      identifier: sidecar.identifier,
      key: sidecar.key,
      intact: differences.length === 0,
      differences,
      touched: notes,
      incomplete,
    });
    return exit;
  }
  if (notes.length > 0) run.note(`only the mtime of ${notes.length} ${notes.length === 1 ? 'path' : 'paths'} changed`);
  if (incomplete.length > 0) run.note(`could not be looked at: ${incomplete.join(', ')}`, 'warning');
  if (exit === undefined) {
    await run.line(sidecar.key);
    return undefined;
  }
  for (const { kind, path, detail } of differences)
    await run.line(`${kind} ${path}${detail === '' ? '' : `: ${detail}`}`);
  return exit;
}
