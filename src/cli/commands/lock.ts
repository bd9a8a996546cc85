import { readFile } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { encodeLock, isContextName, type Lock, type LockEntry } from '../../snapshot/lock.ts';
import { type Drift, driftOf, lockEntry, lockedReference } from '../../snapshot/lock-entry.ts';
import { asBake, asBuildContexts, asBuildkitPolicy } from '../../snapshot/lock-formats.ts';
import { readNamedContexts } from '../../snapshot/lock-from.ts';
import { type Flags, textFlag } from '../flags.ts';
import { DEFAULT_LOCK, readLock, writeLock } from '../lock-file.ts';
import type { Run } from '../run.ts';

/** `ctxsrc lock [name=ref…]` */
export async function run(run: Run, args: readonly string[], flags: Flags): Promise<number | undefined> {
  const path = resolvePath(run.io.cwd, textFlag(flags, 'lock') ?? DEFAULT_LOCK);
  const existing = readLock(path);
  const updates = flags.update === true;
  const asked = updates ? undefined : await askedContexts(run, args, textFlag(flags, 'from'));
  if (flags.check === true) return check(run, required(existing, path), asked, path);
  const format = textFlag(flags, 'format');
  const printsOnly = format !== undefined && !updates && asked === undefined;
  const lock = printsOnly
    ? required(existing, path)
    : await resolveLock(run, { existing, asked, updates: updates ? args : undefined, path });
  if (!printsOnly && !(await writeLock(path, encodeLock(lock)))) run.note(`${path} is up to date`);
  if (format !== undefined) return print(run, lock, format, flags);
  if (run.json)
    await run.out(`${JSON.stringify({ schema: 'ctxsrc/v1', lock: path, contexts: Object.fromEntries(lock) })}\n`);
  else for (const [name, entry] of lock) await run.line(`${name} ${entry.digest}`);
  return undefined;
}

/** Contexts named by the arguments and by `--from`, relative to the current directory; undefined when none were. */
async function askedContexts(
  run: Run,
  args: readonly string[],
  from: string | undefined,
): Promise<Map<string, string> | undefined> {
  const asked = new Map<string, string>();
  if (from !== undefined) {
    const path = resolvePath(run.io.cwd, from);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      throw ioError(error, `cannot read ${from}`);
    });
    const { contexts, skipped } = await readNamedContexts(path, text);
    for (const name of skipped) run.note(`${name} stands for something inside the build: not locked`);
    for (const [name, reference] of contexts)
      asked.set(name, await run.rebased(`${name}=${reference}`, dirname(path), run.io.cwd));
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

function required(lock: Lock | undefined, path: string): Lock {
  if (lock !== undefined) return lock;
  throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no lock file ${path}`, {
    hint: 'write one: ctxsrc lock NAME=REF…',
  });
}

interface LockRequest {
  readonly existing: Lock | undefined;
  readonly asked: ReadonlyMap<string, string> | undefined;
  /** Names of `--update`; empty: all. Undefined without the flag. */
  readonly updates: readonly string[] | undefined;
  readonly path: string;
}

/** The new lock: what was asked for, or all there is, resolved now; the rest as it was. */
async function resolveLock(run: Run, { existing, asked, updates, path }: LockRequest): Promise<Lock> {
  const lockDir = dirname(path);
  const lock = new Map<string, LockEntry>(asked === undefined ? required(existing, path) : (existing ?? []));
  const stale = updates !== undefined && updates.length > 0 ? updates : [...lock.keys()];
  const resolved =
    asked === undefined
      ? await run.resolveLocked(lock, stale, path)
      : await run.resolve([...asked].map(([name, reference]) => `${name}=${reference}`));
  const job = await run.job();
  const entries = await run.each(resolved, async (one) =>
    lockEntry(job, one, lockedReference(one, run.io.cwd, lockDir)),
  );
  for (const [index, one] of resolved.entries()) lock.set(one.ref.name!, entries[index]!);
  return new Map([...lock].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
}

/** Says what moved. Nothing is downloaded; exit 6 when something did. */
async function check(
  run: Run,
  lock: Lock,
  asked: ReadonlyMap<string, string> | undefined,
  path: string,
): Promise<number | undefined> {
  const drifts: Drift[] = [];
  for (const [name, reference] of asked ?? []) {
    const entry = lock.get(name);
    const [one] = await run.identify([`${name}=${reference}`]);
    const written = lockedReference(one!, run.io.cwd, dirname(path));
    if (entry === undefined) drifts.push({ name, what: 'added', from: '', to: written });
    else if (entry.ref !== written) drifts.push({ name, what: 'reference', from: entry.ref, to: written });
  }
  const same = [...lock.keys()].filter((name) => !drifts.some((drift) => drift.name === name));
  const resolved = await run.resolveLocked(lock, same, path);
  const job = await run.job();
  const found = await run.each(resolved, (one) => driftOf(job, one.ref.name!, lock.get(one.ref.name!)!, one.instance));
  drifts.push(...found.filter((drift) => drift !== undefined));
  if (run.json) await run.out(`${JSON.stringify({ schema: 'ctxsrc/v1', drift: drifts })}\n`);
  else
    for (const { name, what, from, to } of drifts)
      await run.line(`${name} ${what} ${from === '' ? '' : `${from} -> `}${to}`);
  return drifts.length === 0 ? undefined : new CtxsrcError('E_DRIFT', '').exit;
}

async function print(run: Run, lock: Lock, format: string, flags: Flags): Promise<undefined> {
  const rendered =
    format === 'bake'
      ? asBake(lock, textFlag(flags, 'target') ?? 'default')
      : format === 'buildkit-policy'
        ? asBuildkitPolicy(lock)
        : asBuildContexts(lock);
  for (const name of rendered.omitted) run.note(`${name} has no pinned form: left out of the ${format}`, 'warning');
  await run.out(rendered.text);
}
