/** The page of `inspect`: what its report knows, and the files where they are known. */
import type { JobContext } from '../contract/index.ts';
import { counted, formatBytes, octal } from '../core/format.ts';
import type { ListedEntry } from '../image/entries/listing.ts';
import { HIDING } from '../snapshot/inspect/hiding.ts';
import type { Inspected, InspectRequest } from '../snapshot/inspect/inspect.ts';
import type {
  DirectoryReport,
  HistoryStep,
  ImageReport,
  LayerReport,
  SourceReport,
} from '../snapshot/inspect/report.ts';
import { runsText } from '../snapshot/inspect/runs.ts';
import { listFiles, withFiles } from '../snapshot/list/source-files.ts';
import { factsOf, pathText } from './cells.ts';
import type { Fact, Page, PageFile, PageFiles, Row, Section, Tone } from './model.ts';

/** Rows of hidden files: the page of an image that hides a hundred thousand stays a page. */
const MOST_HIDDEN = 200;

/** The page of what was inspected: what the report knows, so of an image without its files no list of them. */
export async function inspectPage(job: JobContext, request: InspectRequest, inspected: Inspected): Promise<Page> {
  const { report, files } = inspected;
  if (report.kind === 'source') return sourcePage(report);
  const { resolved, store, limits } = request;
  const isKnown = report.kind === 'directory' || files?.weights !== undefined;
  const entries = isKnown
    ? await withFiles(job, { instance: resolved.instance, store, limits }, (tree) => listFiles(job, tree, '', true))
    : undefined;
  if (report.kind === 'directory') return directoryPage(report, entries ?? []);
  return imagePage(shared(report), runsText(report.configuration), entries);
}

/** What the page of an image is made of, and all that it saves. */
interface SharedReport extends Omit<ImageReport, 'configuration' | 'steps' | 'layers'> {
  readonly layers: readonly SharedLayer[];
}
type SharedLayer = Omit<LayerReport, 'steps'>;

/** A page is passed on: variables, labels and steps of an image may have secrets in them, which nobody sees in it. */
function shared({ configuration: _, steps: _rest, ...report }: ImageReport): SharedReport {
  const { hidden, images, layers } = report;
  return {
    ...report,
    hidden: hidden && { ...hidden, paths: hidden.paths.slice(0, MOST_HIDDEN) },
    images: images.map(({ annotations: _, ...image }) => image),
    layers: layers.map(({ steps: _, made, ...layer }) => ({ ...layer, made: made && withoutValues(made) })),
  };
}

/** What sets values: in capital letters, or as a Dockerfile or another builder may have it. */
const SETTING = /^((?:onbuild\s+)*(?:env|arg|label)\s+[^\s=]*).*$/is;
/** Values of build arguments before a command whose shell the history does not tell from them. */
const ARGUMENTS = /^((?:RUN )?)\|\d+ .*$/s;

/** A step, of which names alone are shown where it sets something. */
function withoutValues({ instruction, text, created }: HistoryStep): HistoryStep {
  const step = stepText({ instruction, text });
  const shown = step.replace(SETTING, '$1').replace(ARGUMENTS, '$1(with build arguments)');
  const time = created === undefined ? {} : { created };
  return { instruction, text: instruction === '' ? shown : shown.slice(instruction.length + 1), ...time };
}

function imagePage(report: SharedReport, runs: string, entries: Iterable<ListedEntry> | undefined): Page {
  const { identifier, platform, imagePlatform, created, index, manifest, config, key, pinned, base } = report;
  const { size, onDisk, layers, hidden, images, attestations } = report;
  const disk = onDisk === null ? '' : `, ${formatBytes(onDisk)} on disk`;
  const about = images.reduce((sum, image) => sum + image.attestations.length, attestations.length);
  const others = images.filter(({ chosen }) => !chosen).map((image) => image.platform ?? image.digest);
  const facts: (Fact | undefined)[] = [
    { label: 'platform', value: imagePlatform === platform ? platform : `${imagePlatform}, asked for ${platform}` },
    created === null ? undefined : { label: 'created', value: created },
    pinned === undefined ? undefined : { label: 'pinned', value: pinned, code: true },
    index === null ? undefined : { label: 'index', value: index, code: true },
    { label: 'image', value: manifest, code: true },
    { label: 'config', value: config, code: true },
    { label: 'key', value: key, code: true },
    { label: 'hidden', value: hiddenText(report) },
    base === null ? undefined : { label: 'base', value: base.name ?? base.digest ?? '-' },
    others.length === 0 ? undefined : { label: 'also', value: others.join(', ') },
    about === 0 ? undefined : { label: 'attestations', value: String(about) },
    { label: 'runs', value: runs },
  ];
  const annotations = [
    ...factsOf('manifest', report.annotations),
    ...factsOf('descriptor', report.descriptorAnnotations),
    ...factsOf('index', report.indexAnnotations),
  ];
  return {
    title: identifier,
    sentence: `${counted(layers.length, 'layer')}, ${formatBytes(size)} to fetch${disk}`,
    report,
    facts: [...facts.filter((fact) => fact !== undefined), ...annotations],
    sections: [layerSection(report)],
    appendix: hidden === null || hidden.files === 0 ? [] : [hiddenSection(hidden)],
    files: entries && {
      heading: 'Files',
      note: 'What an image has in the end, each file with the layer that it comes from.',
      tagHead: 'Layer',
      tags: layers.map((layer) => ({ label: String(layer.number), tone: toneOf(layer) })),
      sizeHead: 'Size',
      countHead: 'Files',
      files: pageFiles(entries),
    },
  };
}

function hiddenText({ hidden }: SharedReport): string {
  if (hidden === null) return 'not known without the files: --files reads the layers';
  return hidden.files === 0 ? 'nothing' : `${formatBytes(hidden.bytes)} in ${counted(hidden.files, 'file')}`;
}

const toneOf = ({ number, base }: SharedLayer): Tone => (base ? 'base' : `tone${((number - 1) % 8) + 1}`);

function layerSection({ layers, history, hidden }: SharedReport): Section {
  const known = (bytes: number | null): string => (bytes === null ? '-' : formatBytes(bytes));
  const rows = layers.map((layer, at): Row => {
    const { number, size, onDisk, made } = layer;
    const step = history && made !== null ? stepText(made) : '(no history)';
    const sizes = [formatBytes(size), known(onDisk), known(layer.hidden)];
    const cells = [String(number), ...sizes, size, step, layer.digest];
    return { cells, tone: toneOf(layer), ...(hidden === null ? {} : { tag: at }) };
  });
  const columns = [
    { name: 'Layer', kind: 'word' },
    { name: 'To fetch', kind: 'number' },
    { name: 'On disk', kind: 'number' },
    { name: 'Hidden', kind: 'number' },
    { name: 'Share', kind: 'bar' },
    { name: 'Made by', kind: 'prose' },
    { name: 'Digest', kind: 'code' },
  ] as const;
  const hasBase = layers.some(({ base }) => base);
  const note = `Numbered from the base.${hasBase ? ' Grey bars are layers of the base image.' : ''}`;
  return { heading: 'Layers', note, columns, rows };
}

const stepText = ({ instruction, text }: Pick<HistoryStep, 'instruction' | 'text'>): string =>
  instruction === '' ? text : `${instruction} ${text}`;

function hiddenSection({ files, bytes, paths }: NonNullable<ImageReport['hidden']>): Section {
  const rest = files - paths.length;
  const more = rest > 0 ? ` The largest ${MOST_HIDDEN} are listed; inspect --hidden lists all.` : '';
  return {
    heading: 'Hidden by later layers',
    note: `${formatBytes(bytes)} in ${counted(files, 'file')}.${more}`,
    columns: [
      { name: 'Path' },
      { name: 'Size', kind: 'number' },
      { name: 'Layer', kind: 'number' },
      { name: 'How', kind: 'word' },
    ],
    rows: paths.map(({ path, size, layer, how, by }) => ({
      cells: [pathText(path), formatBytes(size), String(layer), `${HIDING[how]} layer ${by}`],
    })),
  };
}

function* pageFiles(entries: Iterable<ListedEntry>): Generator<PageFile> {
  for (const { path, type, size, mode, uid, gid, target, layer = 1 } of entries) {
    const link = target === undefined ? '' : ` ${LINKS[type] ?? type} ${pathText(target)}`;
    const note = `${octal(mode)} ${uid}:${gid}${link}`;
    const isFolder = type === 'dir';
    // A further name of a file has no bytes of its own.
    yield {
      path: pathText(path),
      isFolder,
      size: type === 'file' ? size : 0,
      count: isFolder ? 0 : 1,
      tag: layer - 1,
      note,
    };
  }
}

const LINKS: Readonly<Record<string, string>> = { symlink: 'link to', hardlink: 'same file as' };

function directoryPage(report: DirectoryReport, entries: Iterable<ListedEntry>): Page {
  const { identifier, key, files, directories, bytes, ignored, ignoreFile, machineDependent, incomplete } = report;
  const machine = Object.entries(machineDependent).map(([property, { count }]) => `${property} of ${count}`);
  const facts: Fact[] = [
    { label: 'key', value: key ?? 'not known: something in it cannot be read', code: true },
    {
      label: 'ignored',
      value: `${counted(ignored.count, 'path')}${ignoreFile === undefined ? '' : ` (${ignoreFile})`}`,
    },
    { label: 'machine', value: machine.length === 0 ? 'nothing in the key depends on it' : machine.join(', ') },
    ...(incomplete === undefined || incomplete.length === 0
      ? []
      : [{ label: 'incomplete', value: incomplete.join(', ') }]),
  ];
  return {
    title: identifier,
    sentence: `${formatBytes(bytes)} in ${counted(files, 'file')} and ${counted(directories, 'directory', 'directories')}`,
    // What is ignored is counted, not named.
    report: { ...report, ignored: { ...ignored, by: ignored.by.map(({ paths: _, ...rest }) => rest) } },
    facts,
    sections: [folderSection(report), ...(ignored.by.length === 0 ? [] : [ignoredSection(report)])],
    files: {
      heading: 'Files',
      tags: [{ label: '', tone: 'tone1' }],
      sizeHead: 'Size',
      countHead: 'Files',
      files: pageFiles(entries),
    } satisfies PageFiles,
  };
}

function folderSection({ folders }: DirectoryReport): Section {
  return {
    heading: 'Largest folders',
    note: 'They add up to the directory: each is without the folders in it that have a row of their own.',
    columns: [
      { name: 'Folder' },
      { name: 'Size', kind: 'number' },
      { name: 'Files', kind: 'number' },
      { name: 'Share', kind: 'bar' },
    ],
    rows: folders.map(({ path, bytes, files }) => ({
      cells: [path === '' ? '(the rest)' : path, formatBytes(bytes), files.toLocaleString('en'), bytes],
    })),
  };
}

function ignoredSection({ ignored }: DirectoryReport): Section {
  return {
    heading: 'Ignored',
    columns: [
      { name: 'By' },
      { name: 'Line', kind: 'number' },
      { name: 'Pattern', kind: 'code' },
      { name: 'Paths', kind: 'number' },
    ],
    rows: ignored.by.map(({ by, line, pattern, count }) => ({
      cells: [by, line === undefined ? '' : String(line), pattern ?? '', count.toLocaleString('en')],
    })),
  };
}

function sourcePage(report: SourceReport): Page {
  const { kind: _, identifier, digest, key, ...rest } = report;
  const facts = Object.entries(rest).filter(([, value]) => value !== undefined && value !== null);
  return {
    title: identifier,
    sentence: `Root digest ${digest}`,
    report,
    facts: [
      { label: 'digest', value: digest, code: true },
      { label: 'key', value: key, code: true },
      ...facts.map(([label, value]) => ({ label, value: typeof value === 'string' ? value : JSON.stringify(value) })),
    ],
    sections: [],
  };
}
