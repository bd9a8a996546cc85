import { pushImage } from '../../snapshot/push/push.ts';
import { parseDestination } from '../../source/destination.ts';
import { identifierMembers } from '../../source/document.ts';
import type { Flags } from '../flags.ts';
import { formatBytes } from '../format.ts';
import type { Run } from '../run.ts';

/** `ctxsrc push <ref> <destination>` */
export async function run(run: Run, [reference, target]: readonly string[], flags: Flags): Promise<undefined> {
  const destination = parseDestination(target!, run.io.cwd);
  const resolved = await run.resolve([reference!]);
  const { env } = await run.environment();
  const dryRun = flags.dryRun === true;
  const job = await run.job();
  const [pushed] = await run.each(resolved, ({ instance }) =>
    pushImage(job, { instance, env, destination, allPlatforms: flags.allPlatforms === true, dryRun }),
  );
  const { items, ...facts } = pushed!;
  if (!dryRun) await run.githubOutputs(resolved, [{ digest: facts.digest, pinned: facts.reference }]);
  if (run.json) {
    return run.document({
      ...identifierMembers(resolved[0]!, run.defaultPlatform()),
      pushed: { ...facts, dryRun, items },
    });
  }
  if (dryRun) {
    for (const { outcome, kind, digest, size } of items) {
      const fate = outcome === 'sent' ? 'send' : 'there';
      await run.line(`${fate.padEnd(5)} ${digest} ${kind}, ${formatBytes(size)}`);
    }
    run.note(`${formatBytes(facts.sent)} would be sent; nothing was`);
  }
  await run.line(facts.reference);
}
