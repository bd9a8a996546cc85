import { combinedReport } from '../../source/combined-report.ts';
import { safeKey } from '../../source/document.ts';
import type { Resolved } from '../../source/resolve.ts';
import { type Flags, listFlag, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { parsePair } from '../values.ts';

/** `ctxsrc key --combined`: one key for all references. */
export async function printCombined(run: Run, resolved: readonly Resolved[], flags: Flags): Promise<undefined> {
  const combination = {
    defaultPlatform: run.defaultPlatform(),
    platform: textFlag(flags, 'platform'),
    files: typeof flags.file === 'string' ? [flags.file] : [],
    pairs: listFlag(flags, 'with').map((text) => parsePair('--with', text)),
    preimage: run.verbose > 0,
  };
  const report = await combinedReport(await run.job(), resolved, combination, (keys) =>
    run.checkComplete(resolved, keys),
  );
  const key = flags.safe === true ? safeKey(report.key) : report.key;
  await run.githubOutput({ key });
  if (run.json) await run.document(report);
  else await run.line(key);
}
