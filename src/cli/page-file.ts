/** `--html FILE`: the answer as a page, beside what is printed. */
import { resolve } from 'node:path';
import { printable } from '../core/printable.ts';
import { sourceDateEpoch } from '../core/source-date-epoch.ts';
import type { Page } from '../page/model.ts';
import { renderPage } from '../page/render.ts';
import { replaceFile } from '../snapshot/write/replace-file.ts';
import { textFlag } from './flags.ts';
import type { Run } from './run.ts';

/** Writes the page as a whole or not at all, before anything is printed. */
export async function writePage(run: Run, page: Page): Promise<void> {
  const file = textFlag(run.flags, 'html')!;
  await replaceFile(
    resolve(run.io.cwd, file),
    renderPage(page, sourceDateEpoch(run.io.env.SOURCE_DATE_EPOCH)),
    `the page ${printable(file)} of --html`,
  );
}
