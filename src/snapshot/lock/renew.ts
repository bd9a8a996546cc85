/** Resolves the entries of a lock file, for the first time or anew. */
import { dirname } from 'node:path';
import type { JobContext, SourceEnv } from '../../contract/index.ts';
import { stableJson } from '../../core/stable-json.ts';
import { forEach, identify, type Resolved } from '../../source/resolve.ts';
import { lockEntry } from './entry.ts';
import { byName, type LockEntry } from './lock.ts';
import { bind, entryReference, type OpenLock, type ReferenceSite, type Understood } from './references.ts';

/** What resolving entries needs. */
export interface LockWork {
  readonly site: ReferenceSite;
  readonly env: SourceEnv;
  readonly job: JobContext;
}

/** A context to lock. */
export interface ContextToLock {
  /** Its name is the entry's. */
  readonly one: Understood;
  /** All platforms that a build asks for, that of its attributes first; undefined: those that the entry has. */
  readonly platforms?: readonly string[] | undefined;
}

/**
 * The lock with these entries resolved now, the others unchanged.
 * @throws CtxsrcError those of the references
 */
export async function withContexts(
  work: LockWork,
  lock: OpenLock,
  contexts: readonly ContextToLock[],
): Promise<OpenLock> {
  const { site, env, job } = work;
  const resolved = bind(
    contexts.map(({ one }) => one),
    env,
  );
  const renewed = await forEach(resolved, async (one) => {
    const name = one.ref.name!;
    const { platforms } = contexts[resolved.indexOf(one)]!;
    const others = platforms?.slice(1) ?? platformsBeside(lock.entries.get(name));
    const entry = await lockEntry(job, one, site.cwd, dirname(lock.path), await forPlatforms(work, one, others));
    return [name, stillVendored(entry, lock.entries.get(name))] as const;
  });
  return { ...lock, entries: new Map(byName(new Map<string, LockEntry>([...lock.entries, ...renewed]))) };
}

/** What was vendored stays as long as it is the same content. */
function stillVendored(entry: LockEntry, before: LockEntry | undefined): LockEntry {
  const vendored = before?.vendored;
  if (vendored === undefined) return entry;
  const kept = { ...entry, vendored, vendoredKey: before?.vendoredKey };
  return stableJson(kept) === stableJson(before) ? kept : entry;
}

/** The entries of these names, as they were written and not as they are pinned. `E_NOT_FOUND` for an unknown name. */
export async function writtenContexts(
  { site }: LockWork,
  lock: OpenLock,
  names: readonly string[],
): Promise<ContextToLock[]> {
  const contexts: ContextToLock[] = [];
  for (const name of names) contexts.push({ one: await entryReference(site, lock, name, 'written') });
  return contexts;
}

/** Platforms that an entry has manifests of, beside its own. */
export function platformsBeside(entry: LockEntry | undefined): string[] {
  return Object.keys(entry?.manifests ?? {});
}

/** True for an image without an index: whoever builds for another platform gets this one, or nothing. */
export function isOfOnePlatform({ digest, manifest, attributes }: LockEntry): boolean {
  return manifest === digest && attributes?.platform !== undefined;
}

/** The same reference for other platforms, by platform. */
export async function forPlatforms(
  { site, env }: LockWork,
  one: Understood | Resolved,
  platforms: readonly string[],
): Promise<Map<string, Resolved>> {
  const { name, text } = one.ref;
  const others = new Map<string, Resolved>();
  for (const platform of platforms) {
    const understood = await identify(site.table, text.startsWith(`${name}=`) ? text : `${name}=${text}`, {
      ...one.identifier.attributes,
      platform,
    });
    others.set(platform, bind([understood], env)[0]!);
  }
  return others;
}
