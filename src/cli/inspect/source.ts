/** The pages of a directory and of other sources. */

import { counted, formatBytes } from '../../core/format.ts';
import { isObject } from '../../core/is-object.ts';
import type { DirectoryReport, PathDecision, SourceReport } from '../../snapshot/inspect/report.ts';
import { barOf } from '../bar.ts';
import { begun, fitted, type Screen, styled } from '../screen.ts';
import { digestLine, fact, limited, page, percents, pinnedLines, titleLines, word } from './rows.ts';

const BAR = 20;

export function directoryPage(report: DirectoryReport, screen: Screen): string {
  const { identifier, key, files, directories, bytes, ignoreFile, ignored, largest, incomplete = [] } = report;
  return page([
    ...titleLines(screen, identifier, ''),
    ...digestLine(screen, 'key', key ?? '-'),
    ...(incomplete.length === 0 ? [] : fact(screen, 'without', `${incomplete.join(', ')}, which could not be read`)),
    ...fact(
      screen,
      'size',
      `${formatBytes(bytes)} in ${counted(files, 'file')} and ${counted(directories, 'directory', 'directories')}`,
    ),
    ...fact(
      screen,
      'ignored',
      ignored.count === 0
        ? `nothing${ignoreFile === undefined ? ': there is no ignore file' : ` by ${ignoreFile}`}`
        : `${counted(ignored.count, 'path')}${ignoreFile === undefined ? '' : `; the ignore file is ${ignoreFile}`}`,
    ),
    ...machineLines(report, screen),
    ...folderTable(report, screen),
    ...ignoredTable(report, screen),
    ...(largest.length === 0 ? [] : ['', styled(screen, 'dim', ' LARGEST  PATH')]),
    ...largest.map(({ path, size }) => {
      const cells = `${formatBytes(size).padStart(8)}  `;
      return cells + fitted(screen, path, screen.width && screen.width - cells.length);
    }),
  ]);
}

/** What in the key is another on another machine. */
const MACHINE: Readonly<Record<string, string>> = {
  unreadable: 'cannot be read, so there is no key',
  sockets: 'sockets, which no key holds',
  devices: 'devices',
  pipes: 'named pipes',
  modes: 'modes that another umask would not give (--modes exec evens them out)',
  namesNotUtf8: 'names that are not UTF-8',
  versionControl: 'folders of version control, which differ in each clone',
};

function machineLines({ machineDependent }: DirectoryReport, screen: Screen): string[] {
  const kinds = Object.entries(machineDependent);
  if (kinds.length === 0) return fact(screen, 'machine', 'nothing in the key depends on this machine');
  return kinds.flatMap(([kind, { count, paths }], i) => {
    const more = count > paths.length ? `, and ${(count - paths.length).toLocaleString('en')} more` : '';
    const names = paths.slice(0, 3).map((path) => begun(screen, path, 60));
    const rest = paths.length > 3 && more === '' ? `, and ${paths.length - 3} more` : more;
    return fact(screen, i === 0 ? 'machine' : '', `${count} ${MACHINE[kind] ?? kind}: ${names.join(', ')}${rest}`);
  });
}

function folderTable({ folders, bytes }: DirectoryReport, screen: Screen): string[] {
  if (bytes === 0) return [];
  const { width = Number.POSITIVE_INFINITY, bars } = screen;
  const shares = percents(folders.map((folder) => folder.bytes));
  const hasBar = bars && width >= 60;
  const cellsOf = (size: string, files: string, bar: string, share: string): string =>
    [
      size.padStart(8),
      ...(width >= 40 ? [files.padStart(7)] : []),
      ...(hasBar ? [`${bar.padEnd(BAR)}${share.padStart(6)}`] : [share.padStart(5)]),
      '',
    ].join('  ');
  const rows = folders.map(({ path, bytes: size, files }, i) => {
    const bar = hasBar ? barOf(shares[i]! / 100, BAR, screen) : '';
    const cells = cellsOf(formatBytes(size), files.toLocaleString('en'), size === 0 ? '' : bar, `${shares[i]} %`);
    return cells + fitted(screen, path === '' ? './' : `${path}/`, screen.width && width - cells.length);
  });
  const head = cellsOf('SIZE', 'FILES', hasBar ? 'SHARE' : '', hasBar ? '' : 'SHARE');
  return ['', styled(screen, 'dim', `${head}FOLDER`), ...rows];
}

function ignoredTable({ ignored }: DirectoryReport, screen: Screen): string[] {
  if (ignored.by.length === 0) return [];
  const places = ignored.by.map((one) => `${one.by}${one.line === undefined ? '' : ` line ${one.line}`}`);
  const rows = ignored.by.map(({ pattern, count, paths }, i) => ({ place: places[i]!, pattern, count, paths }));
  return [
    '',
    styled(screen, 'dim', ' IGNORED  BY'),
    ...limited(screen, rows, ({ place, pattern, count, paths }) => {
      const by = pattern === undefined ? place : `${place}: ${pattern}`;
      const cells = `${count.toLocaleString('en').padStart(8)}  `;
      const text = `${by}  (${paths[0]}${count > 1 ? ', …' : ''})`;
      return cells + begun(screen, text, screen.width && screen.width - cells.length);
    }),
  ];
}

/** What decides on one path. */
export function decisionPage({ path, ignored, by, line, pattern }: PathDecision, screen: Screen): string {
  return page([
    ...word(screen, 'path', path),
    ...fact(screen, 'ignored', ignored ? 'yes' : 'no'),
    ...(by === undefined ? [] : fact(screen, 'by', `${by}${line === undefined ? '' : ` line ${line}`}`)),
    ...(pattern === undefined ? [] : word(screen, 'pattern', pattern)),
  ]);
}

/** The facts of other sources by the words that people have for them, in this order. */
const LABELS: Readonly<Record<string, string>> = {
  remote: 'remote',
  ref: 'ref',
  commit: 'commit',
  subdir: 'subdir',
  filename: 'file',
  mediaType: 'type',
  size: 'size',
  etag: 'etag',
  lastModified: 'modified',
  location: 'address',
  authored: 'date',
  author: 'author',
  subject: 'subject',
  modules: 'modules',
};
const OWN = new Set(['kind', 'identifier', 'digest', 'key', 'pinned']);

export function sourcePage(report: SourceReport, screen: Screen): string {
  const { identifier, digest, key, pinned } = report;
  const facts = Object.entries(report).filter(([name]) => !OWN.has(name));
  const order = Object.keys(LABELS);
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  facts.sort(([a], [b]) => place(a) - place(b));
  return page([
    ...titleLines(screen, identifier, ''),
    ...digestLine(screen, 'digest', digest),
    ...digestLine(screen, 'key', key),
    ...(typeof pinned === 'string' ? pinnedLines(screen, pinned) : []),
    ...facts.flatMap(([name, value]) => factLines(screen, name, value)),
  ]);
}

/** A fact behind its label, a list with one member a line. */
function factLines(screen: Screen, name: string, value: unknown): string[] {
  const label = LABELS[name] ?? begun(screen, name, 8);
  if (!Array.isArray(value)) return word(screen, label, valueText(name, value));
  if (value.length === 0) return word(screen, label, 'none');
  return limited(screen, [...value.entries()], ([i, member]) =>
    word(screen, i === 0 ? label : '', valueText(name, member)).join(''),
  );
}

/** What is not known is a dash. */
function valueText(name: string, value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (name === 'size' && typeof value === 'number') return formatBytes(value);
  if (name === 'modules' && isObject(value)) {
    const { path, commit, url } = value;
    return [path, String(commit).slice(0, 12), url ?? '-'].join('  ');
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
