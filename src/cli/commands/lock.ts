import { resolve as resolvePath } from 'node:path';
import type { Attributes } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { DEFAULT_LOCK, writeLock } from '../../snapshot/lock/file.ts';
import type { AskedContext, FileContexts, ReadDockerfile } from '../../snapshot/lock/from-file.ts';
import { encodeLock, isContextName } from '../../snapshot/lock/lock.ts';
import { type OpenLock, openLock, openLockIfThere, type Understood } from '../../snapshot/lock/references.ts';
import { isOfOnePlatform, type LockWork, withContexts, writtenContexts } from '../../snapshot/lock/renew.ts';
import { identify } from '../../source/resolve.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';

export interface Asked {
  readonly contexts: ReadonlyMap<string, AskedContext>;
  readonly dockerfile: ReadDockerfile | undefined;
}

/** `ctxsrc lock [name=ref…]` */
export async function run(run: Run, args: readonly string[], flags: Flags): Promise<number | undefined> {
  const path = resolvePath(run.io.cwd, textFlag(flags, 'lock') ?? DEFAULT_LOCK);
  const updates = flags.update === true;
  const from = textFlag(flags, 'from');
  if (updates && from !== undefined) {
    throw new CtxsrcError('E_USAGE', '--update and --from exclude each other', {
      hint: '--from alone resolves the contexts of the file anew',
    });
  }
  const vendor = await vendorOf(flags);
  const asked = updates ? undefined : await askedContexts(run, args, from, flags);
  const format = textFlag(flags, 'format');
  await refuseIdleFlags(flags, asked, format);
  if (flags.check === true) {
    const { check } = await import('./lock-check.ts');
    return check(run, await openLock(run.site(), path), asked);
  }
  const staysAsIs = (format !== undefined || vendor !== undefined) && !updates && asked === undefined;
  const opened = staysAsIs
    ? await openLock(run.site(), path)
    : await renewed(run, path, asked, updates ? args : undefined);
  const lock = vendor === undefined ? opened : await vendor(await run.lockWork(), opened);
  if (!(staysAsIs && vendor === undefined) && !(await writeLock(path, encodeLock(lock.entries))))
    run.note(`${path} is up to date`);
  if (format !== undefined) {
    const { printFormat } = await import('./lock-formats.ts');
    return printFormat(run, lock, format, asked?.dockerfile);
  }
  if (run.json) await run.document({ lock: path, contexts: Object.fromEntries(lock.entries) });
  else
    for (const [name, { digest, vendored }] of lock.entries)
      await run.line(`${name} ${vendor === undefined ? digest : vendored}`);
  return undefined;
}

/** Pushes the entries into the repository of `--vendor`; undefined without the flag. */
async function vendorOf(flags: Flags): Promise<((work: LockWork, lock: OpenLock) => Promise<OpenLock>) | undefined> {
  const place = textFlag(flags, 'vendor');
  const attestations = flags.attestations === true;
  if (place === undefined && attestations) {
    throw new CtxsrcError('E_USAGE', '--attestations means nothing without --vendor', { hint: 'leave it out' });
  }
  if (place === undefined) return undefined;
  const { parseRepository, vendorEntries } = await import('../../snapshot/lock/vendor.ts');
  const repository = parseRepository(place);
  return (work, lock) => vendorEntries(work, lock, { repository, attestations });
}

async function refuseIdleFlags(flags: Flags, asked: Asked | undefined, format: string | undefined): Promise<void> {
  if (asked?.dockerfile !== undefined) return;
  const { firstBuildFlag } = await import('../build-flags.ts');
  const idle = format === 'dockerfile' ? '--format dockerfile' : firstBuildFlag(flags);
  if (idle === undefined) return;
  throw new CtxsrcError('E_USAGE', `${idle} means something for a Dockerfile alone`, {
    hint: 'name it: --from Dockerfile',
  });
}

/** Contexts named by the arguments and by `--from`, relative to the current directory; undefined if there are none. */
async function askedContexts(
  run: Run,
  args: readonly string[],
  from: string | undefined,
  flags: Flags,
): Promise<Asked | undefined> {
  const found = from === undefined ? undefined : await contextsOf(run, from, flags);
  const contexts = new Map(found?.contexts);
  for (const arg of args) {
    const equals = arg.indexOf('=');
    const name = arg.slice(0, Math.max(equals, 0));
    if (!isContextName(name)) {
      throw new CtxsrcError('E_USAGE', `lock takes NAME=REF, not ${JSON.stringify(shownReference(arg))}`, {
        hint: 'for instance: ctxsrc lock base=docker-image://alpine:3.20',
      });
    }
    contexts.set(name, { reference: arg.slice(equals + 1) });
  }
  return contexts.size === 0 && from === undefined ? undefined : { contexts, dockerfile: found?.dockerfile };
}

async function contextsOf(run: Run, file: string, flags: Flags): Promise<FileContexts> {
  const [{ contextsOfFile }, { buildLineOf, idleNote }] = await Promise.all([
    import('../../snapshot/lock/from-file.ts'),
    import('../build-flags.ts'),
  ]);
  const platform = flags.platform as string | undefined;
  const given = platform === undefined ? {} : { platform: [platform] };
  const { env, cwd } = run.io;
  return contextsOfFile({
    file,
    env,
    cwd,
    signal: run.signal,
    line: buildLineOf('.', { ...flags, file: undefined, modes: undefined, ...given }),
    work: async () => {
      // `--check` is a flag of `lock` itself.
      const idle = idleNote({ ...flags, check: undefined }, 'what is locked');
      if (idle !== undefined) run.note(idle);
      return { table: run.table, env: (await run.environment()).env, job: await run.job() };
    },
    note: (text) => run.note(text),
  });
}

/** Identifies contexts: by what a build asks for them with, else by the flags. */
export async function identifyAsked(
  run: Run,
  contexts: Asked['contexts'],
  defaults?: Attributes,
): Promise<Understood[]> {
  const byFlags = [...contexts].filter(([, { attributes }]) => attributes === undefined);
  const texts = byFlags.map(([name, { reference }]) => `${name}=${reference}`);
  // Of no reference every flag would be idle.
  const identified = texts.length === 0 ? [] : await run.identify(texts, defaults);
  const understood = new Map(identified.map((one) => [one.ref.name!, one]));
  for (const [name, { reference, attributes }] of contexts) {
    if (attributes === undefined) continue;
    const all = { ...run.site().attributes, ...attributes };
    understood.set(name, await identify(run.table, `${name}=${reference}`, all));
  }
  return [...contexts.keys()].map((name) => understood.get(name)!);
}

/**
 * The new lock: the requested entries, or all, resolved now; the others unchanged. The platform is recorded, so that
 * the file means the same on every machine.
 * @param updates names of `--update`, empty for all; undefined without the flag
 */
async function renewed(
  run: Run,
  path: string,
  asked: Asked | undefined,
  updates: readonly string[] | undefined,
): Promise<OpenLock> {
  const work = await run.lockWork();
  if (asked === undefined) {
    const lock = await openLock(work.site, path);
    const names = updates !== undefined && updates.length > 0 ? updates : [...lock.entries.keys()];
    return tell(run, names, lock, await withContexts(work, lock, await writtenContexts(work, lock, names)));
  }
  const lock = (await openLockIfThere(work.site, path)) ?? { path, entries: new Map() };
  const understood = await identifyAsked(run, asked.contexts, { platform: run.defaultPlatform() });
  const contexts = understood.map((one) => ({ one, platforms: asked.contexts.get(one.ref.name!)?.platforms }));
  return tell(run, [...asked.contexts.keys()], lock, await withContexts(work, lock, contexts));
}

/** What entries that were resolved do not say themselves. */
function tell(run: Run, names: readonly string[], before: OpenLock, lock: OpenLock): OpenLock {
  for (const name of names) {
    const entry = lock.entries.get(name)!;
    if (isOfOnePlatform(entry))
      run.note(`${printable(name)} is pinned for a single platform: there is no index, only an image`);
    if (entry.vendored === undefined && before.entries.get(name)?.vendored !== undefined)
      run.note(`${printable(name)} has moved, and is not vendored as it is now: --vendor does that`);
  }
  return lock;
}
