/** The inputs of a build as a table for people. */
import type { BuildAnswer, BuildInput, InputPlace, UnkeyedInput } from '../build/answer.ts';
import { shortDigest } from '../core/digest.ts';
import { formatBytes } from '../core/format.ts';
import { printable } from '../core/printable.ts';
import { fitted, type Screen, shown, widthOf } from './screen.ts';

/** More places than this are counted. */
const MOST_PLACES = 3;
const MOST_PATHS = 6;
const NARROW = 60;

/**
 * The table, with a newline at its end.
 * @param whole digests in full
 */
export function inputsTable(answer: BuildAnswer, whole: boolean, screen: Screen): string {
  const { file, target, platforms, key, frontend, inputs, unkeyed } = answer;
  const digest = (text: string | undefined): string => (text === undefined ? '-' : whole ? text : shortDigest(text));
  const rows = [
    ['PLACE', 'REFERENCE', 'DIGEST', 'KEY'],
    ...(frontend === undefined ? [] : [['# syntax', frontend.ref, digest(frontend.digest), '-']]),
    ...inputs.map((input) => [
      placesOf(input.at),
      referenceOf(input, platforms),
      digest(input.digest),
      keyCell(input, digest),
    ]),
  ];
  // The key says what a build sees; the digest goes where there is no room for both.
  const isNarrow = screen.width !== undefined && screen.width < NARROW;
  const lines = [
    [printable(file), ...(target === '' ? [] : [`target ${printable(target)}`]), platforms.join(', ')].join('  '),
    `key  ${key}`,
    '',
    ...columns(isNarrow ? rows.map((row) => row.filter((_, column) => column !== 2)) : rows, screen),
    ...inputs.flatMap(directoryLines),
    ...(unkeyed.length === 0
      ? []
      : ['', 'what no key can hold', ...columns(unkeyed.map(unkeyedRow), screen).map((line) => `  ${line}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

function keyCell(input: BuildInput, digest: (text: string | undefined) => string): string {
  return input.used === false ? 'asked for, not used' : digest(input.key);
}

/** A context's name stands before it; the platform behind it where the build has several, or another one. */
function referenceOf({ kind, name, ref, digest, platform }: BuildInput, platforms: readonly string[]): string {
  const isNamed = name !== 'context' && (kind === 'local' || !ref.includes(name));
  const tells = platform !== undefined && (platforms.length > 1 || platform !== platforms[0]);
  // The digest has a column of its own.
  const shown = digest !== undefined && ref.endsWith(`@${digest}`) ? ref.slice(0, -digest.length - 1) : ref;
  return `${isNamed ? `${name}=` : ''}${shown}${tells ? ` (${platform})` : ''}`;
}

function placesOf(at: readonly InputPlace[]): string {
  const shown = at.slice(0, MOST_PLACES).map(({ line, instruction, onbuildOf }) => {
    return onbuildOf === undefined ? `:${line} ${instruction}` : `:${line} ONBUILD ${instruction} of ${onbuildOf}`;
  });
  return [...shown, ...(at.length > MOST_PLACES ? [`+${at.length - MOST_PLACES}`] : [])].join(', ');
}

/** What is taken of a directory, or of the files of a context that was fetched. */
function directoryLines({ kind, name, paths, files, bytes, ignoreFile }: BuildInput): string[] {
  if (kind !== 'local' && name !== 'context') return [];
  const rest = paths === undefined ? 0 : paths.length - MOST_PATHS;
  const taken =
    paths === undefined ? 'everything' : paths.slice(0, MOST_PATHS).join('  ') + (rest > 0 ? `  +${rest}` : '');
  const size =
    files === undefined || bytes === undefined
      ? ''
      : `  (${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(bytes)})`;
  const ignored = ignoreFile === undefined ? 'no ignore file' : `without what ${ignoreFile} leaves out`;
  return ['', `of ${printable(name)}, ${printable(ignored)}`, `  ${printable(taken)}${size}`];
}

function unkeyedRow({ kind, id, at }: UnkeyedInput): string[] {
  return [kind, id ?? '-', placesOf(at)];
}

/** The least that is left of a cell of the second column. */
const LEAST = 8;

/** Rows with their cells below each other; on a screen the second column is cut to what the others leave. */
function columns(rows: readonly (readonly string[])[], screen: Screen): string[] {
  const whole = rows.map((row) => row.map((cell) => shown(screen, cell)));
  const widths = (whole[0] ?? []).map((_, column) => {
    // There may be more rows than a call takes arguments.
    return whole.reduce((widest, row) => Math.max(widest, widthOf(row[column]!)), 0);
  });
  const others = widths.reduce((sum, width, column) => sum + (column === 1 ? 0 : width + 2), 0);
  widths[1] = Math.min(widths[1]!, Math.max(LEAST, (screen.width ?? Number.POSITIVE_INFINITY) - others));
  const cut = (cell: string, column: number): string => (column === 1 ? fitted(screen, cell, widths[1]) : cell);
  return whole.map((row) =>
    row
      .map((cell, column) => padded(cut(cell, column), widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)));
