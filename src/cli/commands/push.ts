import { CtxsrcError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { sourceDateEpoch } from '../../core/source-date-epoch.ts';
import { type PushedItem, pushSource } from '../../snapshot/push/push.ts';
import type { TreeFacts } from '../../snapshot/push/tree/pack.ts';
import { parseDestination } from '../../source/destination.ts';
import { identifierMembers } from '../../source/document.ts';
import type { Flags } from '../flags.ts';
import { digestText } from '../inspect/rows.ts';
import type { Run } from '../run.ts';
import { fitted, type Screen, screenOf } from '../screen.ts';

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
    const screen = screenOf(run.io.stdout, run.io.env, flags.color);
    if (facts.tree !== undefined) await printTree(run, facts.tree, screen);
    await printItems(run, items, screen);
    run.note(`${formatBytes(facts.sent)} would be sent; nothing was`);
  }
  await run.line(facts.reference);
}

/** A line for each; on a screen that is too narrow for one of them two, so that no digest is broken. */
async function printItems(run: Run, items: readonly PushedItem[], screen: Screen): Promise<void> {
  const { width = Number.POSITIVE_INFINITY } = screen;
  const rows = items.map(({ outcome, kind, digest, size }) => {
    const [fate, what] = [(outcome === 'sent' ? 'send' : 'there').padEnd(6), `${kind}, ${formatBytes(size)}`];
    const line = `${fate}${digest} ${what}`;
    return { line, broken: [`${fate}${what}`, `      ${digestText(screen, digest, width - 6)}`] };
  });
  const fit = rows.every(({ line }) => line.length <= width);
  for (const { line, broken } of rows) for (const one of fit ? [line] : broken) await run.line(one);
}

/** What of the files makes the layer large. */
async function printTree(run: Run, { files, bytes, layer, folders }: TreeFacts, screen: Screen): Promise<void> {
  await run.line(`files ${files}, ${formatBytes(bytes)}; as a layer ${formatBytes(layer.size)}`);
  for (const folder of folders) {
    const path = fitted(screen, folder.path, screen.width && screen.width - 15);
    await run.line(`      ${formatBytes(folder.bytes).padStart(8)} ${path}`);
  }
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
