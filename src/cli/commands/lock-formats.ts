/** `ctxsrc lock --format …`: a lock file in the words of other tools. */
import { printableJson } from '../../core/printable.ts';
import type { ReadDockerfile } from '../../snapshot/lock/from-file.ts';
import type { OpenLock } from '../../snapshot/lock/references.ts';
import { type LockFormat, omissionText, refuseOmitted, renderLock } from '../../snapshot/lock/render.ts';
import { textFlag } from '../flags.ts';
import { write } from '../output.ts';
import type { Run } from '../run.ts';

export async function printFormat(
  run: Run,
  lock: OpenLock,
  format: string,
  dockerfile: ReadDockerfile | undefined,
): Promise<undefined> {
  if (format === 'dockerfile') return printDockerfile(run, lock, dockerfile!);
  const form = format as LockFormat;
  const rendered = await renderLock(run.site(), lock, form, textFlag(run.flags, 'target'));
  if (run.flags.strict === true) refuseOmitted(form, rendered);
  for (const one of rendered.omitted) run.note(omissionText(form, one), 'warning');
  await run.exact(format === 'build-contexts' ? rendered.text : printableJson(rendered.text));
}

/** The Dockerfile of `--from` with the digests of its images. */
async function printDockerfile(run: Run, { entries }: OpenLock, dockerfile: ReadDockerfile): Promise<undefined> {
  const { pinnedDockerfile } = await import('../../snapshot/lock/dockerfile-format.ts');
  const { text, kept, others } = pinnedDockerfile(dockerfile, entries);
  for (const note of kept) run.note(note);
  for (const name of others)
    run.note(`${name} is as it was: write --checksum into the ADD, or use a policy`, 'warning');
  // Bytes: a Dockerfile need not be UTF-8.
  await write(run.io.stdout, text);
}
