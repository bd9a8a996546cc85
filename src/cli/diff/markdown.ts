/** What differs between two sources, as Markdown for a comment or a summary on GitHub. */
import type { DiffReport } from '../../snapshot/diff/report-types.ts';
import { changeRows, foldedRows } from '../../snapshot/diff/words.ts';
import { markdownCode, markdownText } from '../markdown.ts';
import { quotedName } from '../quoted-name.ts';
import { countsText, leftOutText } from './rows.ts';

/** GitHub takes comments of 65,536 characters. */
const MAX_CHARACTERS = 60_000;

/** As many rows as the text has, as long as they fit; the last line counts the others. */
export function diffMarkdown(report: DiffReport, stat: boolean): string {
  const rows = (stat ? foldedRows(report.changes) : changeRows(report.changes)).map(
    ({ letter, path, files, amount, words }) => {
      const folded = files === undefined ? '' : ` (${files.toLocaleString('en')})`;
      return row([letter, markdownCode(quotedName(path)) + folded, amount, markdownText(words.join(', '))]);
    },
  );
  const settings = report.settings.map(({ name, text }) => row(['', markdownCode(name), '', markdownText(text)]));
  const ends = [countsText(report), leftOutText(report)].flatMap((line) => (line === undefined ? [] : [line]));
  const head = `**${markdownText(report.sentence)}**\n`;
  const table = [...settings, ...rows];
  if (table.length === 0) return head;
  const lines = [head, '| | path | bytes | |', '|---|---|---:|---|'];
  let length = lines.join('\n').length;
  let shown = 0;
  for (const line of table) {
    length += line.length + 1;
    if (length > MAX_CHARACTERS) break;
    lines.push(line);
    shown += 1;
  }
  const rest = table.length - shown;
  const more = rest === 0 ? [] : [`${rest.toLocaleString('en')} more rows`];
  return `${[...lines, '', ...[...more, ...ends].map(markdownText)].join('\n')}\n`;
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
