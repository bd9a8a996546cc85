/** The page of an image. */

import { counted, formatBytes } from '../../core/format.ts';
import { HIDING } from '../../snapshot/inspect/hiding.ts';
import type { HiddenPath, HistoryStep, ImageReport, IndexedImage, LayerReport } from '../../snapshot/inspect/report.ts';
import { runsText } from '../../snapshot/inspect/runs.ts';
import { barOf } from '../bar.ts';
import { quotedName } from '../quoted-name.ts';
import { begun, fitted, type Screen, styled } from '../screen.ts';
import {
  annotationLines,
  digestLine,
  fact,
  limited,
  MOST_ROWS,
  page,
  percents,
  pinnedLines,
  titleLines,
} from './rows.ts';

const BAR = 20;

export interface PageOptions {
  /** The paths that are hidden. */
  readonly hidden: boolean;
  /** The largest files. */
  readonly files: boolean;
}

export function imagePage(report: ImageReport, options: PageOptions, screen: Screen): string {
  const { identifier, imagePlatform, created, index, digest, manifest, config, key, pinned, platform } = report;
  const facts = [imagePlatform, ...(created === null ? [] : [created.slice(0, 10)])];
  const asked = platform === imagePlatform ? [] : fact(screen, 'asked', `for ${platform}`);
  const hasManifest = digest !== config;
  return page([
    ...titleLines(screen, identifier, facts.join('  ')),
    ...asked,
    ...(index === null ? [] : digestLine(screen, 'index', index)),
    ...(hasManifest ? digestLine(screen, 'image', manifest) : []),
    ...digestLine(screen, 'config', config),
    ...digestLine(screen, 'key', key),
    ...(pinned === undefined ? [] : pinnedLines(screen, pinned)),
    ...fact(screen, 'size', sizeText(report)),
    ...alsoLines(report, screen),
    ...baseLines(report, screen),
    '',
    ...layerTable(report, screen),
    ...(report.layers.length === 0 ? [] : hiddenLine(report, screen)),
    ...fact(screen, 'runs', runsText(report.configuration)),
    ...(options.hidden ? hiddenTable(report, screen) : []),
    ...(options.files ? largestTable(report, screen) : []),
    ...annotationLines(screen, 'MANIFEST', report.annotations),
    ...annotationLines(screen, 'DESCRIPTOR', report.descriptorAnnotations),
    ...annotationLines(screen, 'INDEX', report.indexAnnotations),
  ]);
}

function sizeText({ layers, size, onDisk, missing }: ImageReport): string {
  if (layers.length === 0) return 'no layers';
  const here = layers.filter((layer) => layer.here).length;
  const place =
    here === layers.length
      ? `every layer is on this machine`
      : here === 0
        ? 'no layer is in the store'
        : `${here} of ${layers.length} layers are in the store, ${formatBytes(missing)} are not`;
  return `${formatBytes(size)} to fetch, ${onDisk === null ? '-' : formatBytes(onDisk)} on disk; ${place}`;
}

/** The other images of the index; attestations are no platforms. */
function alsoLines({ images, attestations }: ImageReport, screen: Screen): string[] {
  const others = images.filter(({ chosen }) => !chosen);
  const about = images.reduce((sum, image) => sum + image.attestations.length, 0);
  const nameOf = ({ platform, digest, size }: IndexedImage): string =>
    `${platform ?? digest}${size === null ? '' : ` (${formatBytes(size)})`}`;
  const names = others.slice(0, MOST_ROWS).map(nameOf).join(' ');
  const parts = [
    ...(others.length === 0
      ? []
      : [others.length > MOST_ROWS ? `${names} and ${others.length - MOST_ROWS} more` : names]),
    ...(about === 0 ? [] : [counted(about, 'attestation')]),
    ...(attestations.length === 0
      ? []
      : [`${counted(attestations.length, 'attestation')} of images that are not there`]),
  ];
  return parts.length === 0 ? [] : fact(screen, 'also', parts.join('; '));
}

function baseLines({ base }: ImageReport, screen: Screen): string[] {
  if (base === null) return [];
  const { name, digest, layers, by } = base;
  const which = layers === null ? '' : `, ${layers === 1 ? 'layer 1' : `layers 1 to ${layers}`}`;
  const why = by === 'annotation' ? 'an annotation says so' : 'an image in the store has these layers';
  return fact(screen, 'base', `${begun(screen, name ?? digest ?? '-', 200)}${which}: ${why}`);
}

/** The narrower the screen, the fewer columns: first the bar goes, then the share, then what is to be fetched. */
function layerTable({ layers, history, base }: ImageReport, screen: Screen): string[] {
  if (layers.length === 0) return [];
  const { width = Number.POSITIVE_INFINITY, bars } = screen;
  const shares = percents(layers.map(({ size }) => size));
  const digits = Math.max(2, String(layers.length).length);
  const hasBar = bars && width >= 76;
  const hasShare = width >= 56;
  const cellsOf = (number: string, fetch: string, disk: string, bar: string, share: string): string =>
    [
      number.padStart(digits),
      ...(width >= 46 ? [fetch.padStart(7)] : []),
      disk.padStart(8),
      ...(hasBar ? [`${bar.padEnd(BAR)}${share.padStart(6)}`] : hasShare ? [share.padStart(5)] : []),
      '',
    ].join('  ');
  const largest = Math.max(...shares);
  const line = (layer: LayerReport, i: number): string[] => {
    const { number, size, onDisk, made } = layer;
    const bar = hasBar && largest > 0 && size > 0 ? barOf(shares[i]! / 100, BAR, screen) : '';
    const disk = onDisk === null ? '-' : formatBytes(onDisk);
    const cells = cellsOf(String(number), formatBytes(size), disk, bar, `${shares[i]} %`);
    const by = history && made !== null ? stepText(made) : '(no history)';
    const row = cells + begun(screen, by, screen.width && width - cells.length);
    if (number !== base?.layers) return [row];
    const name = `above: base ${base.name ?? base.digest ?? ''}`;
    return [row, styled(screen, 'dim', fitted(screen, `${' '.repeat(digits)}  ${name}`, screen.width))];
  };
  const head = cellsOf('#', 'FETCH', 'ON DISK', 'SHARE OF FETCH', hasBar ? '' : 'SHARE');
  return [styled(screen, 'dim', `${head}MADE BY`), ...layers.flatMap(line)];
}

const stepText = ({ instruction, text }: HistoryStep): string =>
  instruction === '' ? text : `${instruction.padEnd(4)} ${text}`;

function hiddenLine({ hidden }: ImageReport, screen: Screen): string[] {
  if (hidden === null) return fact(screen, 'hidden', '-; --hidden reads the layers');
  if (hidden.files === 0) return fact(screen, 'hidden', 'nothing');
  const { bytes, files, base } = hidden;
  const inBase = base === null ? '' : `; ${formatBytes(base.bytes)} of it is the base's`;
  const what = `${formatBytes(bytes)} in ${counted(files, 'file')} that a later layer replaces or removes${inBase}`;
  return fact(screen, 'hidden', what);
}

function hiddenTable({ hidden }: ImageReport, screen: Screen): string[] {
  if (hidden === null || hidden.files === 0) return [];
  // On a narrow screen the path is worth more than how it is hidden.
  const cellsOf = (size: string, layer: string, how: string): string =>
    `${size.padStart(8)}  ${layer.padStart(5)}  ${(screen.width ?? 80) < 60 ? '' : `${how.padEnd(17)}  `}`;
  const line = ({ path, size, layer, by, how }: HiddenPath): string => {
    const cells = cellsOf(formatBytes(size), String(layer), `${HIDING[how]} ${by}`);
    return cells + fitted(screen, quotedName(path), screen.width && screen.width - cells.length);
  };
  return [
    '',
    styled(screen, 'dim', `${cellsOf('HIDDEN', 'LAYER', 'HOW')}PATH`),
    ...limited(screen, hidden.paths, line),
  ];
}

function largestTable({ largest }: ImageReport, screen: Screen): string[] {
  if (largest === null || largest.length === 0) return [];
  const lines = largest.map(({ path, size, layer }) => {
    const cells = `${formatBytes(size).padStart(8)}  ${String(layer).padStart(5)}  `;
    return cells + fitted(screen, quotedName(path), screen.width && screen.width - cells.length);
  });
  return ['', styled(screen, 'dim', ` LARGEST  LAYER  PATH`), ...lines];
}

/** The page of one layer. */
export function layerPage(report: ImageReport, layer: LayerReport, options: PageOptions, screen: Screen): string {
  const { number, digest, diffId, mediaType, size, onDisk, files, hidden, made, steps, here, base } = layer;
  const whole = (step: HistoryStep): string[] => [
    stepText(step),
    ...(step.created === undefined ? [] : [step.created]),
  ];
  const inFiles = files === null ? '- on disk' : `${formatBytes(onDisk!)} on disk in ${counted(files, 'file')}`;
  const facts = [`layer ${number} of ${report.layers.length}`, ...(base ? ['of the base'] : [])];
  const paths = report.hidden?.paths.filter((path) => path.layer === number) ?? [];
  return page([
    ...titleLines(screen, report.identifier, facts.join(', ')),
    ...digestLine(screen, 'digest', digest),
    ...digestLine(screen, 'diff ID', diffId),
    ...fact(screen, 'type', mediaType),
    ...fact(
      screen,
      'size',
      `${formatBytes(size)} to fetch, ${inFiles}; ${here ? 'on this machine' : 'not in the store'}`,
    ),
    ...fact(screen, 'hidden', hidden === null ? '-' : formatBytes(hidden)),
    ...fact(screen, 'made by', made === null ? '(no history)' : whole(made).join(', ')),
    ...steps.flatMap((step) => fact(screen, 'before', stepText(step))),
    ...(options.hidden && report.hidden !== null
      ? hiddenTable({ ...report, hidden: { ...report.hidden, files: paths.length, paths } }, screen)
      : []),
  ]);
}
