import { CtxsrcError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { pushSource } from '../../snapshot/push/push.ts';
import type { TreeFacts } from '../../snapshot/push/tree/pack.ts';
import { parseDestination } from '../../source/destination.ts';
import { identifierMembers } from '../../source/document.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';
import { sourceDateEpoch } from '../write-options.ts';

/** `ctxsrc push <ref> <destination>` */
export async function run(run: Run, [reference, target]: readonly string[], flags: Flags): Promise<undefined> {
  const destination = parseDestination(target!, run.io.cwd);
  const resolved = await run.resolve([reference!]);
  const { env } = await run.environment();
  const dryRun = flags.dryRun === true;
  const attestations = flags.attestations === true;
  const annotations = flags.annotation as readonly string[] | undefined;
  const tree = { annotations, epoch: flags.mtime === 'epoch' ? epochOf(run) : undefined };
  const job = await run.job();
  const [pushed] = await run.each(resolved, ({ instance }) =>
    pushSource(job, {
      instance,
      env,
      destination,
      allPlatforms: flags.allPlatforms === true,
      attestations,
      dryRun,
      tree,
    }),
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
    if (facts.tree !== undefined) await printTree(run, facts.tree);
    for (const { outcome, kind, digest, size } of items) {
      const fate = outcome === 'sent' ? 'send' : 'there';
      await run.line(`${fate.padEnd(5)} ${digest} ${kind}, ${formatBytes(size)}`);
    }
    run.note(`${formatBytes(facts.sent)} would be sent; nothing was`);
  }
  await run.line(facts.reference);
}

/** What of the files makes the layer large. */
async function printTree(run: Run, { files, bytes, layer, folders }: TreeFacts): Promise<void> {
  await run.line(`files ${files}, ${formatBytes(bytes)}; as a layer ${formatBytes(layer.size)}`);
  for (const folder of folders) await run.line(`      ${formatBytes(folder.bytes).padStart(8)} ${folder.path}`);
}

function epochOf(run: Run): number {
  const epoch = sourceDateEpoch(run.io.env.SOURCE_DATE_EPOCH);
  if (epoch === undefined) {
    throw new CtxsrcError('E_USAGE', '--mtime epoch was given, but SOURCE_DATE_EPOCH is not set', {
      hint: 'set it to seconds since 1970, or leave the flag out',
    });
  }
  run.note('the digest is the same for as long as SOURCE_DATE_EPOCH is: without --mtime it would be for ever');
  return epoch;
}
