/** `ctxsrc lock --format …`: a lock file in the words of other tools. */
import { CtxsrcError } from '../../core/errors.ts';
import { printableJson } from '../../core/printable.ts';
import { lockedReference } from '../../snapshot/lock/entry.ts';
import { asBake, asBuildContexts, asBuildkitPolicy } from '../../snapshot/lock/formats.ts';
import { entryReference, type OpenLock } from '../../snapshot/lock/references.ts';
import type { Pinnable } from '../../source/foreign-forms.ts';
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
  const target = textFlag(run.flags, 'target') ?? 'default';
  if (!/^[\w-]+$/.test(target)) {
    throw new CtxsrcError('E_USAGE', `bake has no target named ${JSON.stringify(target)}`, {
      hint: 'its names have letters, digits, _ and -; of the service a.b of a compose file it makes a_b',
    });
  }
  const here = await readable(run, lock);
  const render = { bake: asBake, 'buildkit-policy': asBuildkitPolicy }[format] ?? asBuildContexts;
  const rendered = render(here, target);
  const left = rendered.omitted.map(({ name, why }) => `${name} is left out of the ${format}: ${why}`);
  if (left.length > 0 && run.flags.strict === true) {
    throw new CtxsrcError('E_INCOMPLETE', left.join('; '), {
      hint: 'without --strict the others are printed; each form can hold other contexts',
    });
  }
  for (const text of left) run.note(text, 'warning');
  await run.out(format === 'build-contexts' ? rendered.text : printableJson(rendered.text));
}

/** The Dockerfile of `--from` with the digests of its images. */
async function printDockerfile(
  run: Run,
  { entries }: OpenLock,
  { bytes, name, pins }: ReadDockerfile,
): Promise<undefined> {
  const { withDigests } = await import('../../snapshot/lock/dockerfile-format.ts');
  const images = pins
    .filter((pin) => pin.platforms.length > 0)
    .map((pin) => ({ ...pin, digest: entries.get(pin.name)!.digest }));
  const { text, kept } = withDigests(bytes, name, images);
  const others = pins.filter((pin) => pin.name.startsWith('ADD:'));
  for (const note of kept) run.note(note);
  for (const pin of others)
    run.note(`${pin.name} is as it was: write --checksum into the ADD, or use a policy`, 'warning');
  // Bytes: a Dockerfile need not be UTF-8.
  await write(run.io.stdout, text);
}

/** The contexts with paths relative to the current directory, where the other tool is run. */
async function readable(run: Run, lock: OpenLock): Promise<Map<string, Pinnable>> {
  const { cwd } = run.io;
  const contexts = new Map<string, Pinnable>();
  for (const [name, { digest }] of lock.entries) {
    const one = await entryReference(run.site(), lock, name, 'written');
    contexts.set(name, { ref: lockedReference(one, cwd, cwd), digest, pinned: one.identifier.pinned?.(digest) });
  }
  return contexts;
}
