/** A lock file in the words of other tools. */
import { CtxsrcError } from '../../core/errors.ts';
import type { Pinnable } from '../../source/foreign-forms.ts';
import { lockedReference } from './entry.ts';
import { asBake, asBuildContexts, asBuildkitPolicy, type Rendered } from './formats.ts';
import { entryReference, type OpenLock, type ReferenceSite } from './references.ts';

/** `build-contexts`: flags of buildx; `bake`: an override file; `buildkit-policy`: a source policy. */
export type LockFormat = 'build-contexts' | 'bake' | 'buildkit-policy';

const RENDER = { 'build-contexts': asBuildContexts, bake: asBake, 'buildkit-policy': asBuildkitPolicy } as const;

/**
 * The contexts of a lock file for another tool that runs in the current directory.
 * @param target of `bake`: whose contexts they become
 * @throws E_USAGE for a name that bake has for no target
 */
export async function renderLock(
  site: ReferenceSite,
  lock: OpenLock,
  format: LockFormat,
  target = 'default',
): Promise<Rendered> {
  if (!/^[\w-]+$/.test(target)) {
    throw new CtxsrcError('E_USAGE', `bake has no target named ${JSON.stringify(target)}`, {
      hint: 'its names have letters, digits, _ and -; of the service a.b of a compose file it makes a_b',
    });
  }
  return RENDER[format](await readable(site, lock), target);
}

/** @throws E_INCOMPLETE if the format cannot express a context */
export function refuseOmitted(format: LockFormat, { omitted }: Rendered): void {
  if (omitted.length === 0) return;
  throw new CtxsrcError('E_INCOMPLETE', omitted.map((one) => omissionText(format, one)).join('; '), {
    hint: 'without --strict the others are printed; each form can hold other contexts',
  });
}

/** Why a context is not in the text, in a sentence. */
export function omissionText(format: LockFormat, { name, why }: Rendered['omitted'][number]): string {
  return `${name} is left out of the ${format}: ${why}`;
}

/** The contexts with paths relative to the current directory, where the other tool is run. */
async function readable(site: ReferenceSite, lock: OpenLock): Promise<Map<string, Pinnable>> {
  const { cwd } = site;
  const contexts = new Map<string, Pinnable>();
  for (const [name, { digest, vendored }] of lock.entries) {
    const one = await entryReference(site, lock, name, 'written');
    const pinned = one.identifier.pinned?.(digest);
    contexts.set(name, { ref: lockedReference(one, cwd, cwd), digest, pinned, vendored });
  }
  return contexts;
}
