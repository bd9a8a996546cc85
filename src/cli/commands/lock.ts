import { dirname, resolve as resolvePath } from 'node:path';
import type { Attributes } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { readNamedFile, streamOf } from '../../fs/small-file.ts';
import { lockEntry } from '../../snapshot/lock/entry.ts';
import { DEFAULT_LOCK, writeLock } from '../../snapshot/lock/file.ts';
import { encodeLock, isContextName, type Lock, type LockEntry } from '../../snapshot/lock/lock.ts';
import {
  entryReference,
  type OpenLock,
  openLock,
  openLockIfThere,
  type Understood,
} from '../../snapshot/lock/references.ts';
import { parseReference } from '../../source/parse.ts';
import { identify, type Resolved } from '../../source/resolve.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import type { ReadDockerfile } from './lock-dockerfile.ts';

/** A context to lock. */
interface AskedContext {
  readonly reference: string;
  /** What a build asks for it with; undefined: what the flags say. */
  readonly attributes?: Attributes;
  /** All platforms that a build asks for, that of the attributes first. */
  readonly platforms?: readonly string[];
}

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
  const asked = updates ? undefined : await askedContexts(run, args, from, flags);
  const format = textFlag(flags, 'format');
  await refuseIdleFlags(flags, asked, format);
  if (flags.check === true) {
    const { check } = await import('./lock-check.ts');
    return check(run, await openLock(run.site(), path), asked);
  }
  const printsOnly = format !== undefined && !updates && asked === undefined;
  const lock = printsOnly
    ? await openLock(run.site(), path)
    : await renewed(run, path, asked, updates ? args : undefined);
  if (!printsOnly && !(await writeLock(path, encodeLock(lock.entries)))) run.note(`${path} is up to date`);
  if (format !== undefined) {
    const { printFormat } = await import('./lock-formats.ts');
    return printFormat(run, lock, format, asked?.dockerfile);
  }
  if (run.json) await run.document({ lock: path, contexts: Object.fromEntries(lock.entries) });
  else for (const [name, entry] of lock.entries) await run.line(`${name} ${entry.digest}`);
  return undefined;
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
      throw new CtxsrcError('E_USAGE', `lock takes NAME=REF, not ${JSON.stringify(arg)}`, {
        hint: 'for instance: ctxsrc lock base=docker-image://alpine:3.20',
      });
    }
    contexts.set(name, { reference: arg.slice(equals + 1) });
  }
  return contexts.size === 0 && from === undefined ? undefined : { contexts, dockerfile: found?.dockerfile };
}

async function contextsOf(run: Run, from: string, flags: Flags): Promise<Asked> {
  const { MAX_DESCRIPTION_BYTES, isDockerfile, readNamedContexts } = await import('../../snapshot/lock/from.ts');
  const { cwd } = run.io;
  // References from a stream are relative to the current directory.
  const path = resolvePath(cwd, streamOf(from) === undefined ? from : '-');
  const limits = { what: printable(from), maxBytes: MAX_DESCRIPTION_BYTES, cwd, signal: run.signal };
  const bytes = await readNamedFile(from, limits);
  if (isDockerfile(path, bytes.toString('utf8'))) {
    const { readDockerfile } = await import('./lock-dockerfile.ts');
    const dockerfile = await readDockerfile(run, streamOf(from) === undefined ? from : 'Dockerfile', bytes, flags);
    const contexts = dockerfile.pins.map(
      ({ name, ref, attributes, platforms }) => [name, { reference: ref, attributes, platforms }] as const,
    );
    if (contexts.length === 0) run.note(`${printable(from)} builds from nothing that could be locked`);
    return { contexts: new Map(contexts), dockerfile };
  }
  const { contexts, skipped } = await readNamedContexts(path, bytes.toString('utf8'), cwd);
  for (const name of skipped) run.note(`${name} stands for something inside the build: not locked`);
  if (contexts.size === 0) run.note(`${printable(from)} names no contexts to lock`);
  return {
    contexts: new Map([...contexts].map(([name, reference]) => [name, { reference }])),
    dockerfile: undefined,
  };
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
    const text = `${name}=${reference}`;
    const source = await run.table.load(parseReference(text, run.io.cwd).scheme);
    const given = Object.entries(run.site().attributes).filter(([flag]) =>
      source.attributes.some((spec) => spec.name === flag),
    );
    understood.set(name, await identify(run.table, text, { ...Object.fromEntries(given), ...attributes }));
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
  const existing =
    asked === undefined
      ? await openLock(run.site(), path)
      : ((await openLockIfThere(run.site(), path)) ?? { path, entries: new Map() });
  const stale = updates !== undefined && updates.length > 0 ? updates : [...existing.entries.keys()];
  const resolved =
    asked === undefined
      ? await resolveEntries(run, existing, stale)
      : await run.bind(await identifyAsked(run, asked.contexts, { platform: run.defaultPlatform() }));
  const job = await run.job();
  const keys = await run.each(resolved, async (one) => {
    const name = one.ref.name!;
    const others = asked?.contexts.get(name)?.platforms?.slice(1) ?? platformsBeside(existing.entries.get(name));
    return lockEntry(job, one, run.io.cwd, dirname(path), await forPlatforms(run, one, others));
  });
  const entries = new Map<string, LockEntry>(existing.entries);
  for (const [index, one] of resolved.entries()) {
    const { name } = one.ref;
    entries.set(name!, keys[index]!);
    tellSinglePlatform(run, name!, keys[index]!);
  }
  return { path, entries: sorted(entries) };
}

/** Whoever builds for another platform gets this one, or nothing. */
function tellSinglePlatform(run: Run, name: string, { digest, manifest, attributes }: LockEntry): void {
  if (manifest !== digest || attributes?.platform === undefined) return;
  run.note(`${printable(name)} is pinned for a single platform: there is no index, only an image`);
}

/** Platforms that an entry has manifests of, beside its own. */
export function platformsBeside(entry: LockEntry | undefined): string[] {
  return Object.keys(entry?.manifests ?? {});
}

/** The same reference for other platforms, by platform. */
export async function forPlatforms(
  run: Run,
  one: Understood | Resolved,
  platforms: readonly string[],
): Promise<Map<string, Resolved>> {
  const { name, text } = one.ref;
  const others = new Map<string, Resolved>();
  for (const platform of platforms) {
    const understood = await identify(run.table, text.startsWith(`${name}=`) ? text : `${name}=${text}`, {
      ...one.identifier.attributes,
      platform,
    });
    others.set(platform, (await run.bind([understood]))[0]!);
  }
  return others;
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
