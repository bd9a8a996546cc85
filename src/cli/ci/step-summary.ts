/** The summary of a GitHub Actions step: what changed, for people, in the file that `$GITHUB_STEP_SUMMARY` names. */
import { appendFile, stat } from 'node:fs/promises';
import { shortened } from '../../core/printable.ts';
import type { Io } from '../io.ts';
import { markdownCode } from '../markdown.ts';

/** A run in a step. */
export interface Step {
  readonly io: Pick<Io, 'env'>;
  note(text: string, level?: 'note' | 'warning'): void;
}

export interface StepTable {
  /** One sentence that answers, in words of ours. */
  readonly title: string;
  /** What is said below it; it may hold names from outside. */
  readonly text?: string;
  /** Without a change nothing is written, unless it is asked for. */
  readonly changed: boolean;
  readonly header: readonly string[];
  /** What changed. Cells come from outside. */
  readonly rows: readonly (readonly string[])[];
}

/** More rows are folded away; of those, so many characters are kept. */
const ROWS_SHOWN = 12;
const MOST_FOLDED = 48 * 1024;
/** GitHub drops the whole summary of a step that is larger than 1 MiB. */
const MOST_OF_A_STEP = 1000 * 1024;

/**
 * Appends a table where the program runs in GitHub Actions: what other commands of the step have written stays.
 * `CTXSRC_SUMMARY` is `changed` unless set, `always` or `never`. That it cannot be written is a warning: the answer holds.
 */
export async function appendStepSummary(run: Step, table: StepTable): Promise<void> {
  const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY: file, CTXSRC_SUMMARY: when } = run.io.env;
  if (!GITHUB_ACTIONS || !file || when === 'never' || (!table.changed && when !== 'always')) return;
  try {
    const room = MOST_OF_A_STEP - (await sizeOf(file));
    const fits = [summaryText(table), titleOf(table)].find((text) => Buffer.byteLength(text) <= room);
    if (fits !== undefined) await appendFile(file, fits);
    else run.note('the summary of this step is full: nothing is added to it');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    run.note(`cannot write the file ${file} that GITHUB_STEP_SUMMARY names: ${reason}`, 'warning');
  }
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

function titleOf({ title, text }: StepTable): string {
  return `\n### ${title}\n${text === undefined ? '' : `\n${cell(text)}\n`}`;
}

function summaryText(table: StepTable): string {
  const { header, rows } = table;
  if (rows.length === 0) return titleOf(table);
  const head = `${line(header)}${line(header.map(() => '---'))}`;
  const lines = rows.map((row) => line(row.map(cell)));
  const shown = `${titleOf(table)}\n${head}${lines.slice(0, ROWS_SHOWN).join('')}`;
  const rest = lines.slice(ROWS_SHOWN);
  if (rest.length === 0) return `${shown}\n`;
  const folded = firstThatFit(rest);
  const left = rest.length - folded.length;
  const more = left === 0 ? '' : `\n${left} more are in the log.\n`;
  return `${shown}\n<details><summary>${rest.length} more</summary>\n\n${head}${folded.join('')}${more}\n</details>\n`;
}

function firstThatFit(lines: readonly string[]): readonly string[] {
  let bytes = 0;
  const end = lines.findIndex((text) => {
    bytes += Buffer.byteLength(text);
    return bytes > MOST_FOLDED;
  });
  return end < 0 ? lines : lines.slice(0, end);
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}

/** Of a digest as much as tells it from others; the outputs of the step have it whole. */
const DIGEST = /^(?:\w+:)?([0-9a-f]{8})[0-9a-f]{24,}$/;

function cell(text: string): string {
  return text === '' ? '-' : markdownCode(shortened(text).replace(DIGEST, '$1'));
}
