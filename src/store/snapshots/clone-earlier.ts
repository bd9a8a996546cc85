/** Clones a directory of the user that was written from the same files before, if it is unchanged. */
import type { EarlierTree, WriteOptions, WriteReport } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import { isAbort } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { Task } from '../../core/progress.ts';
import { bytesOfText } from '../../fs/byte-string.ts';
import { rowTexts } from '../../fs/entry/json-rows.ts';
import { cloneTree } from './clone.ts';
import { entryPath } from './clone-entry.ts';
import { cloneSpec, createdIn, emptied } from './clone-spec.ts';
import { chooseMethod } from './copy-method.ts';

/**
 * Every file is checked after its copy: a file that was touched since the earlier snapshot was complete is hashed, and
 * so are the files below a directory that was touched.
 * @returns undefined, with `dir` empty, if the files have changed or cannot be copied: they are then made from the
 * source, where a problem of the target will show, too
 */
export async function cloneEarlier(
  job: JobContext,
  { dir: from, report, rows, settled }: EarlierTree,
  dir: string,
  options: WriteOptions,
): Promise<WriteReport | undefined> {
  const size = { bytes: report.bytes, count: report.files };
  const task = new Task(job.progress, 'copy', `files of ${printable(from)}`, { total: size.count, unit: 'files' });
  try {
    const how = await methodFor(from, report, dir, options.mode);
    const created = await createdIn(dir);
    const { damage } = await cloneTree({
      // Unlike in the store, every file has its own mode, even one that its owner cannot read.
      spec: cloneSpec({ task: 'clone', from, to: dir, how, settled, created, opened: false }),
      lines: rowTexts(rows),
      signal: job.signal,
      size,
      digest: false,
      onProgress: (entries) => task.advance(entries),
    });
    if (damage === undefined) {
      task.end();
      return { ...report, via: how };
    }
    return await unable(job, task, from, dir, `${damage.path} ${damage.problem}`);
  } catch (error) {
    if (isAbort(error) || job.signal.aborted) {
      task.end('aborted');
      throw error;
    }
    return unable(job, task, from, dir, error instanceof Error ? error.message : String(error));
  }
}

async function unable(job: JobContext, task: Task, from: string, dir: string, why: string): Promise<undefined> {
  task.end('failed');
  await emptied(dir);
  const text = `${printable(from)} cannot be copied: ${printable(why)}`;
  job.progress.emit({ type: 'message', level: 'verbose', text });
}

async function methodFor(from: string, report: WriteReport, dir: string, mode: WriteOptions['mode']) {
  for (const entry of report.entries) {
    if (entry.type === 'file') return chooseMethod(entryPath(bytesOfText(from), entry.path), dir, mode);
  }
  return 'copy';
}
