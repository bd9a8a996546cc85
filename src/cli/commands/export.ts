import { resolve as resolvePath } from 'node:path';
import { CtxsrcError } from '../../core/errors.ts';
import { exportRef } from '../../snapshot/export/export.ts';
import { parseExportOutput } from '../../snapshot/export/output.ts';
import { identifierMembers } from '../../source/document.ts';
import { type Flags, textFlag } from '../flags.ts';
import { write } from '../output.ts';
import type { Run } from '../run.ts';
import { writeOptions } from '../write-options.ts';

/** `ctxsrc export <ref> -o type=…,dest=…` */
export async function run(run: Run, [reference]: readonly string[], flags: Flags): Promise<undefined> {
  const text = textFlag(flags, 'output');
  if (text === undefined) {
    throw new CtxsrcError('E_USAGE', 'export needs -o', {
      hint: '-o type=tar,dest=files.tar, or -o type=oci,dest=image.tar',
    });
  }
  const output = parseExportOutput(text);
  const toStdout = output.dest === '-';
  const resolved = await run.resolve([reference!]);
  const { store } = await run.environment();
  const job = await run.job();
  const [exported] = await run.each(resolved, (one) =>
    exportRef(job, {
      instance: one.instance,
      store,
      output: toStdout ? output : { ...output, dest: resolvePath(run.io.cwd, output.dest) },
      write: (chunk) => write(run.io.stdout, chunk),
      options: writeOptions(run, one, flags),
      name: one.ref.name,
    }),
  );
  const { digest, size } = exported!;
  // The archive is the answer on standard output, so its digest is only a note.
  if (toStdout) run.note(`exported ${digest}`);
  else if (run.json) {
    const digests = await resolved[0]!.instance.digests?.(job);
    await run.document({
      ...identifierMembers(resolved[0]!, run.defaultPlatform()),
      imagePlatform: await digests?.imagePlatform?.(),
      exported: { ...output, digest, size },
    });
  } else await run.line(digest);
}
