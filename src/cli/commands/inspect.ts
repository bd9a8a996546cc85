import { identifierMembers } from '../../source/document.ts';
import { allKeys } from '../../source/resolve.ts';
import { type Facts, renderFacts } from '../facts.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';

/** `ctxsrc inspect <ref>` */
export async function run(run: Run, references: readonly string[], flags: Flags): Promise<undefined> {
  const resolved = await run.resolve(references);
  const why = flags.why as string | undefined;
  const [facts] = await run.each(resolved, async ({ instance, identifier }) => {
    const job = await run.job();
    if (instance.describe !== undefined) return instance.describe(job, { why });
    const keys = await allKeys(instance, job);
    return { identifier: identifier.toString(), digest: keys.at(-1)!.pin, key: keys.at(-1)!.key };
  });
  if (run.json) return run.document({ ...identifierMembers(resolved[0]!, run.defaultPlatform()), ...facts });
  const asked = why === undefined ? undefined : (facts as { why?: Facts }).why;
  await run.out(renderFacts(asked ?? (facts as Facts)));
}
