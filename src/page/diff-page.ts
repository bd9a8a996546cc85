/** The page of `diff`: its sentence, layers and settings, and where files were compared each path. */
import { counted, formatBytes, formatChange } from '../core/format.ts';
import { printable } from '../core/printable.ts';
import type { LayerRow } from '../snapshot/diff/layers.ts';
import type { ChangeLetter, DiffReport } from '../snapshot/diff/report-types.ts';
import { changeRows } from '../snapshot/diff/words.ts';
import { pathText } from './cells.ts';
import type { Fact, Page, PageFile, PageFiles, Row, Section, Tone } from './model.ts';

/** In the order of the tags. */
const LETTERS: readonly { readonly letter: ChangeLetter; readonly word: string; readonly tone: Tone }[] = [
  { letter: 'A', word: 'added', tone: 'added' },
  { letter: 'M', word: 'changed', tone: 'changed' },
  { letter: 'D', word: 'gone', tone: 'gone' },
  { letter: 'm', word: 'other mode, owner or attribute', tone: 'other' },
];

/** @param report with its changes */
export function diffPage(report: DiffReport): Page {
  const { names, sentence, comparison, layers, settings, leftOut, files, growth } = report;
  const { from, to, incomplete } = comparison;
  const facts: (Fact | undefined)[] = [
    { label: 'key was', value: from, code: true },
    { label: 'key is', value: to, code: true },
    growth && { label: growth.of, value: formatChange(growth.from, growth.to) },
    files === undefined ? { label: 'files', value: 'not compared: --files reads the layers' } : undefined,
    leftOut === 0 ? undefined : { label: 'left out', value: counted(leftOut, 'difference') },
    incomplete.length === 0 ? undefined : { label: 'incomplete', value: incomplete.join(', ') },
  ];
  const sections = [
    ...(layers === undefined ? [] : [layerSection(layers.rows)]),
    ...(settings.length === 0 ? [] : [settingSection(settings)]),
    ...(files === undefined ? [] : [countSection(files)]),
  ];
  return {
    title: names.join(' → '),
    sentence,
    report: { names, sentence, from, to, layers, settings, leftOut, files, growth, incomplete },
    facts: facts.filter((fact) => fact !== undefined),
    sections,
    files: files && changedFiles(report),
  };
}

const STATES: Readonly<Record<LayerRow['state'], string>> = {
  same: 'same',
  packed: 'same files, packed otherwise',
  moved: 'same files, at another place',
  changed: 'changed',
  added: 'added',
  gone: 'gone',
};
const STATE_TONES: Readonly<Partial<Record<LayerRow['state'], Tone>>> = {
  changed: 'changed',
  added: 'added',
  gone: 'gone',
};

function layerSection(rows: readonly LayerRow[]): Section {
  const bytes = (size: number | undefined): string => (size === undefined ? '-' : formatBytes(size));
  return {
    heading: 'Layers',
    note: 'Numbered from the base; sizes are those to fetch.',
    columns: [
      { name: 'Was', kind: 'number' },
      { name: 'Is', kind: 'number' },
      { name: 'State', kind: 'word' },
      { name: 'Size was', kind: 'number' },
      { name: 'Size is', kind: 'number' },
      { name: 'Share', kind: 'bar' },
      { name: 'Made by', kind: 'prose' },
    ],
    rows: rows.map(({ state, from, to, size, madeBy }) => ({
      cells: [
        from ?? '-',
        to ?? '-',
        STATES[state],
        bytes(size.from),
        bytes(size.to),
        size.to ?? size.from ?? 0,
        madeBy ?? '(no history)',
      ],
      tone: STATE_TONES[state] ?? 'base',
    })),
  };
}

function settingSection(settings: DiffReport['settings']): Section {
  return {
    heading: 'Settings',
    columns: [{ name: 'Setting' }, { name: 'Change', kind: 'prose' }],
    rows: settings.map(({ name, text }) => ({ cells: [name, text] })),
  };
}

function countSection(files: NonNullable<DiffReport['files']>): Section {
  const numbers = [files.added, files.changed, files.gone, files.metadata];
  return {
    heading: 'Differences',
    note: files.folders === 0 ? undefined : `Beside the files, ${counted(files.folders, 'folder')}.`,
    columns: [
      { name: 'Letter', kind: 'word' },
      { name: 'Change' },
      { name: 'Files', kind: 'number' },
      { name: 'Share', kind: 'bar' },
    ],
    rows: LETTERS.map(({ letter, word, tone }, tag): Row => {
      return { cells: [letter, word, numbers[tag]!.toLocaleString('en'), numbers[tag]!], tone, tag };
    }),
  };
}

function changedFiles({ changes }: DiffReport): PageFiles {
  return {
    heading: 'Paths that differ',
    note: 'Sizes are the bytes that came and that went, added up.',
    tagHead: 'Change',
    tags: LETTERS.map(({ letter, tone }) => ({ label: letter, tone })),
    sizeHead: 'Bytes',
    countHead: 'Paths',
    files: changedPaths(changes),
  };
}

function* changedPaths(changes: DiffReport['changes']): Generator<PageFile> {
  for (const { letter, path, bytes, amount, words } of changeRows(changes)) {
    const isFolder = path.endsWith('/');
    const tag = LETTERS.findIndex((one) => one.letter === letter);
    const note = [amount, words.join(', ')].filter((part) => part !== '').join('; ');
    yield {
      path: pathText(isFolder ? path.slice(0, -1) : path),
      isFolder,
      size: bytes.added + bytes.gone,
      count: 1,
      tag,
      note: printable(note),
    };
  }
}
