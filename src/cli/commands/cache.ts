import type { PruneReport, StoreItem, StoreUsage, VerifyReport } from '../../contract/index.ts';
import { CtxsrcError, ERROR_EXITS } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { clearLeftovers } from '../../snapshot/write/leftovers.ts';
import { type Flags, textFlag } from '../flags.ts';
import { formatBytes } from '../format.ts';
import type { Run } from '../run.ts';
import { parseDuration, parseSize } from '../values.ts';

const PRUNE_FLAGS = ['maxSize', 'keepDuration', 'all', 'dryRun', 'filter'] as const;

/** `ctxsrc cache ls|du|prune|verify|path` */
export async function run(run: Run, [what]: readonly string[], flags: Flags): Promise<number | undefined> {
  const idle = what === 'prune' ? undefined : PRUNE_FLAGS.find((flag) => flags[flag] !== undefined);
  if (idle !== undefined) {
    throw new CtxsrcError('E_USAGE', `cache ${what} takes no flags of prune`, {
      hint: 'ctxsrc cache prune --max-size 5GB',
    });
  }
  switch (what) {
    case 'path':
      return print(run, { path: run.cacheDir() }, () => run.cacheDir());
    case 'ls': {
      const items = await (await run.environment()).store.list();
      return print(run, { items }, () => items.map(itemLine).join('\n'));
    }
    case 'du': {
      const usage = await (await run.environment()).store.usage();
      return print(run, { usage }, () => usageText(usage));
    }
    case 'prune':
      return prune(run, flags);
    case 'verify':
      return verify(run);
    default:
      throw new CtxsrcError('E_USAGE', `cache has no subcommand ${JSON.stringify(what)}`, {
        hint: 'choose ls, du, prune, verify or path',
      });
  }
}

async function print(run: Run, members: Readonly<Record<string, unknown>>, text: () => string): Promise<undefined> {
  // Names in the store come from others: URLs, names in images.
  const lines = (): string => text().split('\n').map(printable).join('\n');
  const answer = run.json ? JSON.stringify({ schema: 'ctxsrc/v1', ...members }) : lines();
  if (answer !== '') await run.out(`${answer}\n`);
}

async function prune(run: Run, flags: Flags): Promise<undefined> {
  const maxSize = textFlag(flags, 'maxSize');
  const keep = textFlag(flags, 'keepDuration');
  const { store } = await run.environment();
  const job = await run.job();
  const leftovers = await clearLeftovers(job, store, flags.dryRun === true);
  const report: PruneReport = await store.prune(job, {
    maxSize: maxSize === undefined ? undefined : parseSize('--max-size', maxSize),
    keepDuration: keep === undefined ? undefined : parseDuration('--keep-duration', keep),
    all: flags.all === true,
    dryRun: flags.dryRun === true,
    filter: flags.filter as readonly string[] | undefined,
  });
  const verb = flags.dryRun === true ? 'would free' : 'freed';
  return print(run, { ...report, leftovers, dryRun: flags.dryRun === true }, () =>
    [
      ...leftovers.map((stem) => `leftover of an interrupted run  ${stem}*`),
      ...report.removed.map(itemLine),
      `${verb} ${formatBytes(report.freed)}, ${formatBytes(report.remaining)} remain`,
    ].join('\n'),
  );
}

async function verify(run: Run): Promise<number | undefined> {
  const report: VerifyReport = await (await run.environment()).store.verify(await run.job());
  await print(run, { ...report }, () =>
    [
      ...report.problems.map(({ kind, id, problem }) => `${kind} ${id}: ${problem}; removed`),
      `${report.blobs} blobs and ${report.snapshots} snapshots, ${formatBytes(report.bytes)}: ${report.problems.length === 0 ? 'all good' : `${report.problems.length} bad`}`,
    ].join('\n'),
  );
  return report.problems.length === 0 ? undefined : ERROR_EXITS.E_STORE_CORRUPT;
}

function itemLine(item: StoreItem): string {
  const marks = [item.leased ? 'leased' : '', item.referenced ? '' : 'unreferenced'].filter((mark) => mark !== '');
  const used = new Date(item.lastUsed).toISOString().slice(0, 16).replace('T', ' ');
  return [item.kind.padEnd(9), formatBytes(item.size).padStart(8), used, item.id, ...marks].join('  ');
}

function usageText(usage: StoreUsage): string {
  const rows = (['blobs', 'snapshots', 'records', 'temporary', 'total'] as const).map(
    (name) => `${name.padEnd(11)} ${formatBytes(usage[name].bytes).padStart(8)}  ${usage[name].count}`,
  );
  return [...rows, `${'reclaimable'.padEnd(11)} ${formatBytes(usage.reclaimable).padStart(8)}`].join('\n');
}
