import type { PruneReport, VerifyReport } from '../../contract/index.ts';
import { CtxsrcError, ERROR_EXITS } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { printable } from '../../core/printable.ts';
import { clearLeftovers } from '../../snapshot/write/leftovers.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { type Screen, screenOf } from '../screen.ts';
import { itemsText, pruneText, usageText } from '../store-table.ts';
import { parseDuration, parseSize } from '../values.ts';

const PRUNE_FLAGS = ['maxSize', 'keepDuration', 'all', 'dryRun', 'filter'] as const;
/** Subcommands that choose items by `--filter`, as prune does. */
const CHOOSING: readonly (string | undefined)[] = ['ls', 'du'];

/** `ctxsrc cache ls|du|prune|verify|path` */
export async function run(run: Run, [what]: readonly string[], flags: Flags): Promise<number | undefined> {
  refuseIdleFlags(what, flags);
  const filter = flags.filter as readonly string[] | undefined;
  switch (what) {
    case 'path':
      return print(run, { path: run.cacheDir() }, () => `${printable(run.cacheDir())}\n`);
    case 'ls': {
      const items = await (await run.environment()).store.list(filter);
      return print(run, { items }, (screen) => itemsText(items, screen));
    }
    case 'du': {
      const text = run.io.env.CTXSRC_CACHE_MAX_SIZE;
      const limit = text ? parseSize('CTXSRC_CACHE_MAX_SIZE', text) : undefined;
      const report = await (await run.environment()).store.usage(filter);
      return print(run, { ...report, limit: limit ?? null }, (screen) => usageText(report, limit, screen));
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

function refuseIdleFlags(what: string | undefined, flags: Flags): void {
  if (what === 'prune') return;
  const idle = PRUNE_FLAGS.find((flag) => flags[flag] !== undefined && !(flag === 'filter' && CHOOSING.includes(what)));
  if (idle === undefined) return;
  throw new CtxsrcError('E_USAGE', `cache ${what} takes no flags of prune`, {
    hint: 'ctxsrc cache prune --max-size 5GB',
  });
}

/** Texts of the tables make names from outside harmless themselves: they hold colours. */
async function print(run: Run, members: object, text: (screen: Screen) => string): Promise<undefined> {
  if (run.json) return run.document(members);
  await run.out(text(screenOf(run.io.stdout, run.io.env, run.flags.color)));
}

async function prune(run: Run, flags: Flags): Promise<undefined> {
  const maxSize = textFlag(flags, 'maxSize');
  const keep = textFlag(flags, 'keepDuration');
  const dryRun = flags.dryRun === true;
  const { store } = await run.environment();
  const job = await run.job();
  const leftovers = await clearLeftovers(job, store, dryRun);
  const report: PruneReport = await store.prune(job, {
    maxSize: maxSize === undefined ? undefined : parseSize('--max-size', maxSize),
    keepDuration: keep === undefined ? undefined : parseDuration('--keep-duration', keep),
    all: flags.all === true,
    dryRun,
    filter: flags.filter as readonly string[] | undefined,
  });
  return print(run, { ...report, leftovers, dryRun }, (screen) => pruneText(report, leftovers, dryRun, screen));
}

async function verify(run: Run): Promise<number | undefined> {
  const report: VerifyReport = await (await run.environment()).store.verify(await run.job());
  await print(run, report, () => verifyText(report));
  return report.problems.length === 0 ? undefined : ERROR_EXITS.E_STORE_CORRUPT;
}

function verifyText({ blobs, snapshots, bytes, problems }: VerifyReport): string {
  const lines = [
    ...problems.map(({ kind, id, problem }) => `${kind} ${id}: ${problem}; removed`),
    `${blobs} blobs and ${snapshots} snapshots, ${formatBytes(bytes)}: ${problems.length === 0 ? 'all good' : `${problems.length} bad`}`,
  ];
  return `${lines.map(printable).join('\n')}\n`;
}
