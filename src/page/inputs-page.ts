/** The page of `inputs`: from the lines of a Dockerfile to the sources that they ask for. */
import type { BuildInput, InputPlace } from '../build/answer.ts';
import { type ChangedInputs, changedFirst, changedInputs, type EarlierInputs } from '../build/earlier.ts';
import type { BakeReport, InputsReport, TargetReport } from '../build/report.ts';
import { counted, formatBytes } from '../core/format.ts';
import type { Page, Section } from './model.ts';

/** @param earlier an earlier document: what has changed since then comes first; absent: nobody asked */
export function inputsPage(report: InputsReport, earlier?: EarlierInputs): Page {
  const { file, target, platforms, key, inputs, unkeyed, frontend, incomplete } = report;
  const changes = earlier && changedInputs(report, earlier);
  const changed = changes === undefined ? '' : `, ${changes.changed.length} changed`;
  return {
    title: target === '' ? file : `${file}, target ${target}`,
    sentence: `${counted(inputs.length, 'input')}${changed}${unkeyed.length === 0 ? '' : `, ${unkeyed.length} more that no key can hold`}`,
    report: { file, target, platforms, key, frontend, inputs, unkeyed, incomplete },
    facts: [
      { label: 'key', value: key, code: true },
      { label: 'platforms', value: platforms.join(', ') },
      ...(frontend === null
        ? []
        : [
            {
              label: 'front end',
              value: frontend.digest === undefined ? frontend.ref : `${frontend.ref} ${frontend.digest}`,
            },
          ]),
      ...(incomplete.length === 0 ? [] : [{ label: 'incomplete', value: incomplete.join(', ') }]),
    ],
    sections: sectionsOf(report, '', changes),
  };
}

/**
 * The page of all targets, each as tables of its own.
 * @param changed the targets that have to be built, which then come first; absent: nobody asked
 * @param earlier an earlier document: of each target what has changed since then comes first
 */
export function bakePage(report: BakeReport, changed?: readonly string[], earlier?: EarlierInputs): Page {
  const { from, evaluatedBy, targets: all } = report;
  const isChanged = ({ target }: TargetReport): boolean => changed?.includes(target) === true;
  const targets = [...all.filter(isChanged), ...all.filter((one) => !isChanged(one))];
  return {
    title: from,
    sentence: `${counted(targets.length, 'target')}${changed === undefined ? '' : `, ${changed.length} changed`}`,
    report: { ...report, changed },
    facts: [
      ...(evaluatedBy === undefined ? [] : [{ label: 'evaluated by', value: evaluatedBy }]),
      ...(changed === undefined ? [] : [{ label: 'changed', value: changed.join(', ') || 'none' }]),
      ...targets.map(({ target, key }) => ({ label: `key of ${target}`, value: key, code: true as const })),
    ],
    sections: targets.flatMap((target) =>
      sectionsOf(target, `${target.target}: `, earlier && changedInputs(target, earlier)),
    ),
  };
}

function sectionsOf({ file, inputs, unkeyed }: InputsReport, before: string, changes?: ChangedInputs): Section[] {
  const beside: Section = {
    heading: `${before}What no key can hold`,
    columns: [{ name: 'Line', kind: 'prose' }, { name: 'Kind', kind: 'word' }, { name: 'Name' }],
    rows: unkeyed.map(({ kind, id, at }) => ({ cells: [placesText(at, file), kind, id ?? '-'] })),
  };
  return [inputSection(inputs, file, before, changes), ...(unkeyed.length === 0 ? [] : [beside])];
}

function inputSection(
  inputs: readonly BuildInput[],
  file: string,
  before: string,
  changes: ChangedInputs | undefined,
): Section {
  return {
    heading: `${before}Inputs`,
    note: `In the order of first use${changes === undefined ? '' : ', what has changed first'}: the line, what it asks for, and what that is now.`,
    columns: [
      ...(changes === undefined ? [] : [{ name: 'State', kind: 'word' as const }]),
      { name: 'Line', kind: 'prose' },
      { name: 'Name' },
      { name: 'Source', kind: 'prose' },
      { name: 'Taken' },
      { name: 'Digest', kind: 'code' },
      { name: 'Key', kind: 'code' },
    ],
    rows: (changes === undefined ? inputs : changedFirst(inputs, changes)).map((input) => {
      const { at, name, ref, platform, digest, key, used } = input;
      // The digest has a column of its own.
      const place = digest !== undefined && ref.endsWith(`@${digest}`) ? ref.slice(0, -digest.length - 1) : ref;
      const source = platform === undefined ? place : `${place} (${platform})`;
      const state = used === false ? 'asked for, not used' : (key ?? '-');
      const since = changes === undefined ? [] : [changes.changed.includes(input) ? 'changed' : 'same'];
      return { cells: [...since, placesText(at, file), name, source, takenText(input), digest ?? '-', state] };
    }),
  };
}

/** @param main the file that the page is about: its name is enough */
function placesText(at: readonly InputPlace[], main: string): string {
  const places = at.map(({ file, line, instruction, onbuildOf }) => {
    const name = file === main ? file.slice(file.lastIndexOf('/') + 1) : file;
    return `${name}:${line} ${onbuildOf === undefined ? '' : `(ONBUILD of ${onbuildOf}) `}${instruction}`;
  });
  return places.join(', ');
}

const MOST_PATHS = 20;

function takenText({ paths, files, bytes, ignoreFile }: BuildInput): string {
  const size = files === undefined || bytes === undefined ? '' : `${counted(files, 'file')}, ${formatBytes(bytes)}`;
  const rest = (paths?.length ?? 0) - MOST_PATHS;
  const named =
    paths === undefined ? '' : `${paths.slice(0, MOST_PATHS).join(' ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  const without = ignoreFile === undefined ? '' : `without what ${ignoreFile} leaves out`;
  return [size, named, without].filter((part) => part !== '').join('; ');
}
