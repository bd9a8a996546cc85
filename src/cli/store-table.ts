/** The store as tables for people: `cache ls`, `du` and `prune`. */
import type { KeptReason, PruneReport, StoreItem, StoreRow, UsageReport, UsingProcess } from '../contract/store.ts';
import { formatAge, formatBytes } from '../core/format.ts';
import { barOf } from './bar.ts';
import { fitted, type Screen, shown, styled, widthOf, wrapped } from './screen.ts';

/** More lines than this are summed up on a terminal. */
const MOST_ROWS = 20;
const BAR = 20;
const LABEL = 9;

type Row = Pick<StoreRow, 'kind' | 'name' | 'own' | 'shared' | 'lastUsed' | 'inUse' | 'problem'> & {
  readonly why?: string;
};

/** `cache ls`: each item. */
export function itemsText(items: readonly StoreItem[], screen: Screen): string {
  return items.length === 0 ? 'nothing\n' : text([...table(items, 'OWN', screen), ...notes(items, screen)]);
}

/** `cache du`. */
export function usageText(report: UsageReport, limit: number | undefined, screen: Screen): string {
  const { store, total, free, rows, shared, reclaimable, unread } = report;
  const facts = [
    formatBytes(total),
    ...(limit === undefined ? [] : [`limit ${formatBytes(limit)}`]),
    ...(free === undefined ? [] : [`${formatBytes(free)} free`]),
  ].join(', ');
  // On one line where there is room.
  const room = screen.width && screen.width - LABEL;
  const [place, ...below] =
    room === undefined || widthOf(shown(screen, store)) + facts.length + 2 <= room
      ? [`${shown(screen, store)}: ${facts}`]
      : [fitted(screen, store, room), ...wrapped(screen, facts, LABEL)];
  return text([
    `${styled(screen, 'bold', 'store'.padEnd(LABEL))}${place}`,
    ...below,
    ...(rows.length === 0 ? [] : ['', ...table(rows, 'OWN', screen, total)]),
    ...shares(shared, screen),
    ...notes(rows, screen),
    ...(reclaimable === 0 ? [] : wrapped(screen, `${formatBytes(reclaimable)} would come back: ctxsrc cache prune`, 0)),
    ...(unread === 0 ? [] : wrapped(screen, `${unread} folders cannot be read by this user, and are not counted`, 0)),
  ]);
}

/** `cache prune`; the same with `--dry-run`, but for the last line. */
export function pruneText(
  { rows, shared, kept, freed, remaining }: PruneReport,
  leftovers: readonly string[],
  dryRun: boolean,
  screen: Screen,
): string {
  const staying = kept.map((row) => ({ ...row, why: WHY[row.why] }));
  return text([
    ...leftovers.map((stem) => `leftover of an interrupted run  ${shown(screen, stem)}*`),
    ...(rows.length === 0
      ? []
      : [...table(rows, 'FREED', screen), ...shares(shared, screen), ...notes(rows, screen), '']),
    ...(staying.length === 0 ? [] : [...table(staying, 'STAYS', screen), ...notes(staying, screen), '']),
    `${dryRun ? 'would free' : 'freed'} ${formatBytes(freed)}, ${formatBytes(remaining)} ${dryRun ? 'would remain' : 'remain'}`,
  ]);
}

const WHY: Readonly<Record<KeptReason, string>> = {
  'in use': 'in use',
  referenced: 'saves work, or an image needs it; --all takes it',
  filtered: 'no filter chose it',
  recent: 'used since then',
  fits: 'it fits',
  needed: 'the store needs it',
  unread: 'it cannot be read',
};

/** Rows below each other. The narrower the screen, the fewer columns: first the bar goes, then SHARED, then LAST USED. */
function table(rows: readonly Row[], first: string, screen: Screen, total?: number): string[] {
  const { width } = screen;
  const shownRows = width === undefined ? rows : rows.slice(0, MOST_ROWS);
  const hasBar = screen.bars && total !== undefined && total > 0 && width !== undefined && width >= 100;
  const hasShared = width === undefined || width >= 72;
  const hasUse = width === undefined || width >= 60;
  const used = (row: Row): string => (row.inUse.length > 0 ? 'in use' : formatAge(Date.now() - row.lastUsed));
  const cellsOf = (own: string, bar: string, shared: string, use: string): string =>
    [
      own.padStart(8),
      ...(hasBar ? [bar.padEnd(BAR)] : []),
      ...(hasShared ? [shared.padStart(8)] : []),
      ...(hasUse ? [use.padEnd(10)] : []),
      '',
    ].join('  ');
  const head = cellsOf(first, '', 'SHARED', 'LAST USED');
  const lines = shownRows.flatMap((row) => {
    const bar = hasBar ? barOf((row.own + row.shared) / total, BAR, screen) : '';
    const cells = cellsOf(formatBytes(row.own), bar, row.shared === 0 ? '-' : formatBytes(row.shared), used(row));
    const room = width && width - cells.length;
    const what = `${row.kind}  ${row.name}`;
    const whole = row.why === undefined ? what : `${what}: ${row.why}`;
    // A reason is never cut.
    return row.why === undefined || room === undefined || widthOf(shown(screen, whole)) <= room
      ? [cells + fitted(screen, whole, room)]
      : [cells + fitted(screen, what, room), ...wrapped(screen, row.why, cells.length)];
  });
  const rest = rows.slice(shownRows.length);
  const bytes = rest.reduce((sum, { own }) => sum + own, 0);
  return [
    styled(screen, 'dim', `${head}WHAT`),
    ...lines,
    ...(rest.length === 0 ? [] : [`${rest.length.toLocaleString('en')} more, ${formatBytes(bytes)}`]),
  ];
}

function shares(shared: UsageReport['shared'], screen: Screen): string[] {
  return shared.slice(0, MOST_ROWS).map(({ bytes, rows, also }) => {
    const names = rows.slice(0, 3).map(({ kind, name }) => `${kind} ${name}`);
    const rest = rows.length > 3 ? [`${rows.length - 3} more`] : [];
    const by = [...names, ...rest, ...(also === undefined ? [] : [also])];
    return `${formatBytes(bytes).padStart(8)}  ${fitted(screen, `shared, counted once: ${by.join(', ')}`, screen.width && screen.width - 10)}`;
  });
}

/** Which processes use what, and what is wrong: a reason is never cut. */
function notes(rows: readonly Row[], screen: Screen): string[] {
  const used = rows.filter(({ inUse }) => inUse.length > 0);
  const bad = rows.filter(({ problem }) => problem !== undefined);
  return [
    ...used
      .slice(0, MOST_ROWS)
      .map(({ inUse, ...row }) =>
        fitted(screen, `in use by ${inUse.map(processText).join(', ')}: ${of(row)}`, screen.width),
      ),
    ...bad.slice(0, MOST_ROWS).flatMap(({ problem, ...row }) => {
      const what = fitted(screen, of(row), screen.width && Math.min(40, screen.width - 1));
      return wrapped(screen, `problem: ${what}: ${shown(screen, problem!)}`, 0);
    }),
    ...(bad.length === 0
      ? []
      : wrapped(screen, 'ctxsrc cache verify reads everything, and removes what is damaged', 0)),
  ];
}

const of = ({ kind, name }: Pick<Row, 'kind' | 'name'>): string => `${kind} ${name}`;

function processText({ pid, here }: UsingProcess): string {
  return here ? `process ${pid}` : `process ${pid} of another container or machine`;
}

const text = (lines: readonly string[]): string => `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
