/** The summary of a GitHub Actions step: tables for people in the file that `$GITHUB_STEP_SUMMARY` names. */
import { appendFile } from 'node:fs/promises';
import type { Environment } from '../build/request/line.ts';
import { localError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

/** Appends a table where the program runs in GitHub Actions. Cells come from outside: none can be more than text. */
export async function appendStepSummary(
  env: Environment,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const file = env.GITHUB_STEP_SUMMARY;
  if (!env.GITHUB_ACTIONS || !file) return;
  const lines = [header, header.map(() => '---'), ...rows.map((row) => row.map(asText))];
  try {
    await appendFile(file, `\n${lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('')}\n`);
  } catch (error) {
    throw localError(error, `cannot write the file ${printable(file)} that GITHUB_STEP_SUMMARY names`);
  }
}

/** Every character that Markdown or HTML gives a meaning as an entity. */
function asText(cell: string): string {
  return printable(cell).replace(/[^\p{L}\p{N} :/.,-]/gu, (character) => `&#${character.codePointAt(0)};`);
}
