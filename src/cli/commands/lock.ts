import { dirname, resolve as resolvePath } from 'node:path';
import { CtxsrcError, ERROR_EXITS } from '../../core/errors.ts';
import { printable, printableJson } from '../../core/printable.ts';
import { readNamedFile, streamOf } from '../../fs/small-file.ts';
import { type Drift, driftOf, lockEntry, lockedReference } from '../../snapshot/lock/entry.ts';
import { DEFAULT_LOCK, writeLock } from '../../snapshot/lock/file.ts';
import { asBake, asBuildContexts, asBuildkitPolicy } from '../../snapshot/lock/formats.ts';
import { MAX_DESCRIPTION_BYTES, readNamedContexts } from '../../snapshot/lock/from.ts';
import { encodeLock, isContextName, type Lock, type LockEntry } from '../../snapshot/lock/lock.ts';
import { entryReference, type OpenLock, openLock, openLockIfThere } from '../../snapshot/lock/references.ts';
import type { Pinnable } from '../../source/foreign-forms.ts';
import type { Resolved } from '../../source/resolve.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';

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
  const asked = updates ? undefined : await askedContexts(run, args, from);
  if (flags.check === true) return check(run, await openLock(run.site(), path), asked);
  const format = textFlag(flags, 'format');
  const printsOnly = format !== undefined && !updates && asked === undefined;
  const lock = printsOnly
    ? await openLock(run.site(), path)
    : await renewed(run, path, asked, updates ? args : undefined);
  if (!printsOnly && !(await writeLock(path, encodeLock(lock.entries)))) run.note(`${path} is up to date`);
  if (format !== undefined) return print(run, lock, format, flags);
  if (run.json) await run.document({ lock: path, contexts: Object.fromEntries(lock.entries) });
  else for (const [name, entry] of lock.entries) await run.line(`${name} ${entry.digest}`);
  return undefined;
}

/** Contexts named by the arguments and by `--from`, relative to the current directory; undefined if there are none. */
async function askedContexts(
  run: Run,
  args: readonly string[],
  from: string | undefined,
): Promise<Map<string, string> | undefined> {
  const asked = new Map<string, string>();
  if (from !== undefined) {
    // References from a stream are relative to the current directory.
    const path = resolvePath(run.io.cwd, streamOf(from) === undefined ? from : '-');
    const { cwd } = run.io;
    const limits = { what: printable(from), maxBytes: MAX_DESCRIPTION_BYTES, cwd, signal: run.signal };
    const text = (await readNamedFile(from, limits)).toString('utf8');
    const { contexts, skipped } = await readNamedContexts(path, text, cwd);
    for (const name of skipped) run.note(`${name} stands for something inside the build: not locked`);
    if (contexts.size === 0) {
      run.note(
        `${from} names no contexts to lock; base images of a Dockerfile are locked by name: base=docker-image://…`,
      );
    }
    for (const [name, reference] of contexts) asked.set(name, reference);
  }
  for (const arg of args) {
    const equals = arg.indexOf('=');
    const name = arg.slice(0, Math.max(equals, 0));
    if (!isContextName(name)) {
      throw new CtxsrcError('E_USAGE', `lock takes NAME=REF, not ${JSON.stringify(arg)}`, {
        hint: 'for instance: ctxsrc lock base=docker-image://alpine:3.20',
      });
    }
    asked.set(name, arg.slice(equals + 1));
  }
  return asked.size === 0 && from === undefined ? undefined : asked;
}

/**
 * The new lock: the requested entries, or all, resolved now; the others unchanged. The platform is recorded, so that
 * the file means the same on every machine.
 * @param updates names of `--update`, empty for all; undefined without the flag
 */
async function renewed(
  run: Run,
  path: string,
  asked: ReadonlyMap<string, string> | undefined,
  updates: readonly string[] | undefined,
): Promise<OpenLock> {
  const existing =
    asked === undefined
      ? await openLock(run.site(), path)
      : ((await openLockIfThere(run.site(), path)) ?? { path, entries: new Map() });
  const stale = updates !== undefined && updates.length > 0 ? updates : [...existing.entries.keys()];
  const resolved =
    asked === undefined
      ? await resolveEntries(run, existing, stale)
      : await run.resolve(
          [...asked].map(([name, reference]) => `${name}=${reference}`),
          { platform: run.defaultPlatform() },
        );
  const job = await run.job();
  const keys = await run.each(resolved, (one) => lockEntry(job, one, run.io.cwd, dirname(path)));
  const entries = new Map<string, LockEntry>(existing.entries);
  for (const [index, one] of resolved.entries()) entries.set(one.ref.name!, keys[index]!);
  return { path, entries: sorted(entries) };
}

function sorted(entries: Lock): Lock {
  return new Map([...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
}

/** Resolves entries as they were written, not as they are pinned. */
async function resolveEntries(run: Run, lock: OpenLock, names: readonly string[]): Promise<Resolved[]> {
  const references = [];
  for (const name of names) references.push(await entryReference(run.site(), lock, name, 'written'));
  return run.bind(references);
}

/** Reports the entries that have moved. Nothing is downloaded; exit 6 if there are any. */
async function check(
  run: Run,
  lock: OpenLock,
  asked: ReadonlyMap<string, string> | undefined,
): Promise<number | undefined> {
  const { path, entries } = lock;
  const drifts: Drift[] = [];
  for (const [name, reference] of asked ?? []) {
    const entry = entries.get(name);
    const [one] = await run.identify([`${name}=${reference}`]);
    const written = lockedReference(one!, run.io.cwd, dirname(path));
    if (entry === undefined) drifts.push({ name, what: 'added', from: '', to: written });
    else if (entry.ref !== written) drifts.push({ name, what: 'reference', from: entry.ref, to: written });
  }
  const same = [...entries.keys()].filter((name) => !drifts.some((drift) => drift.name === name));
  const resolved = await resolveEntries(run, lock, same);
  const job = await run.job();
  const found = await run.each(resolved, (one) => driftOf(job, one, entries.get(one.ref.name!)!));
  drifts.push(...found.filter((drift) => drift !== undefined));
  if (run.json) await run.document({ drift: drifts });
  else
    for (const { name, what, from, to } of drifts)
      await run.line(`${name} ${what} ${from === '' ? '' : `${from} -> `}${to}`);
  if (drifts.length > 0) return ERROR_EXITS.E_DRIFT;
  run.note(`${path}: nothing has moved`);
  return undefined;
}

async function print(run: Run, lock: OpenLock, format: string, flags: Flags): Promise<undefined> {
  const target = textFlag(flags, 'target') ?? 'default';
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
