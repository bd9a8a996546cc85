/** `ctxsrc lock --format …`: a lock file in the words of other tools. */
import { printableJson } from '../../core/printable.ts';
import type { LockEntry } from '../../snapshot/lock/lock.ts';
import type { OpenLock } from '../../snapshot/lock/references.ts';
import { type LockFormat, omissionText, refuseOmitted, renderLock } from '../../snapshot/lock/render.ts';
import { textFlag } from '../flags.ts';
import { write } from '../output.ts';
import type { Run } from '../run.ts';
import type { ReadDockerfile } from './lock-dockerfile.ts';

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

const placeOf = ({ digest, vendored }: LockEntry) => ({ digest, vendored });

/** The Dockerfile of `--from` with the digests of its images. */
async function printDockerfile(
  run: Run,
  { entries }: OpenLock,
  { bytes, name, pins }: ReadDockerfile,
): Promise<undefined> {
  const { withDigests } = await import('../../snapshot/lock/dockerfile-format.ts');
  const images = pins
    .filter((pin) => pin.platforms.length > 0)
    .map((pin) => ({ ...pin, ...placeOf(entries.get(pin.name)!) }));
  const { text, kept } = withDigests(bytes, name, images);
  const others = pins.filter((pin) => pin.name.startsWith('ADD:'));
  for (const note of kept) run.note(note);
  for (const pin of others)
    run.note(`${pin.name} is as it was: write --checksum into the ADD, or use a policy`, 'warning');
  // Bytes: a Dockerfile need not be UTF-8.
  await write(run.io.stdout, text);
}
