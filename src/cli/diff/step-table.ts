/** What differs between two sources, for the summary of a job. */
import type { DiffReport } from '../../snapshot/diff/report-types.ts';
import { changeRows } from '../../snapshot/diff/words.ts';
import type { StepTable } from '../ci/step-summary.ts';
import { quotedName } from '../quoted-name.ts';

export function diffStepTable({ comparison, sentence, settings, changes }: DiffReport): StepTable {
  return {
    title: `ctxsrc diff: the sources ${comparison.equal ? 'are the same' : 'differ'}`,
    text: sentence,
    changed: !comparison.equal,
    header: ['change', 'path', 'bytes', 'how'],
    rows: [
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
