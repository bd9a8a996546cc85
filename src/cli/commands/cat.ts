import { openFiles, readFile } from '../../snapshot/list/source-files.ts';
import { type Flags, limitsOf, textFlag } from '../flags.ts';
import { write } from '../output.ts';
import type { Run } from '../run.ts';
import { parseCount } from '../values.ts';

/** `ctxsrc cat <ref> <path>`: the bytes of a file, none of them before all are verified. */
export async function run(run: Run, [reference, path]: readonly string[], flags: Flags): Promise<undefined> {
  const number = textFlag(flags, 'layer');
  const layer = number === undefined ? undefined : parseCount('--layer', number, 1);
  const resolved = await run.resolve([reference!]);
  const { store } = await run.environment();
  const job = await run.job();
  await run.each(resolved, async ({ instance }) => {
    const files = await openFiles(job, { instance, store, limits: limitsOf(flags), layer });
    try {
      for await (const chunk of readFile(job, files, path!)) await write(run.io.stdout, chunk);
    } finally {
      await files.release();
    }
  });
}
