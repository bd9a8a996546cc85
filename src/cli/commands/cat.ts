import { readFile, withFiles } from '../../snapshot/list/source-files.ts';
import { type Flags, layerFlag, limitsOf } from '../flags.ts';
import { write } from '../output.ts';
import type { Run } from '../run.ts';

/** `ctxsrc cat <ref> <path>`: the bytes of a file, none of them before all are verified. */
export async function run(run: Run, [reference, path]: readonly string[], flags: Flags): Promise<undefined> {
  const layer = layerFlag(flags);
  const resolved = await run.resolve([reference!]);
  const { store } = await run.environment();
  const job = await run.job();
  await run.each(resolved, ({ instance }) =>
    withFiles(job, { instance, store, limits: limitsOf(flags), layer }, async (files) => {
      for await (const chunk of readFile(job, files, path!)) await write(run.io.stdout, chunk);
    }),
  );
}
