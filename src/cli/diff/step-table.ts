/** What differs between two sources, for the summary of a job. */
import { formatChange, formatGrowth } from '../../core/format.ts';
import type { DiffReport, Growth } from '../../snapshot/diff/report-types.ts';
import { changeRows } from '../../snapshot/diff/words.ts';
import type { StepTable } from '../ci/step-summary.ts';
import { quotedName } from '../quoted-name.ts';
import { layerWords } from './rows.ts';

export function diffStepTable({ comparison, sentence, layers, growth, settings, changes }: DiffReport): StepTable {
  return {
    title: `ctxsrc diff: the sources ${comparison.equal ? 'are the same' : 'differ'}`,
    text: sentence,
    changed: !comparison.equal,
    header: ['change', 'path', 'bytes', 'how'],
    rows: [
      ...growthRows(growth),
      ...(layers?.rows ?? [])
        .filter(({ state }) => state !== 'same')
        .map((row) => {
          const number = row.to ?? `${row.from} before`;
          return ['', `layer ${number}`, '', [row.madeBy, layerWords(row, undefined)].filter(Boolean).join(': ')];
        }),
      ...settings.map(({ name, text }) => ['', name, '', text]),
      ...changeRows(changes).map(({ letter, path, amount, words }) => [
        letter,
        quotedName(path),
        amount,
        words.join(', '),
      ]),
    ],
  };
}

/** Of images what there was to fetch, what there is, and by how much of it that grew; nothing where it is the same. */
function growthRows(growth: Growth | undefined): string[][] {
  if (growth?.of !== 'layers' || growth.from === growth.to) return [];
  const { from, to } = growth;
  const share = from === 0 ? '' : ` (${to < from ? '' : '+'}${(((to - from) / from) * 100).toFixed(1)} %)`;
  return [['', 'layers to fetch', formatGrowth(to - from), `${formatChange(from, to)}${share}`]];
}
