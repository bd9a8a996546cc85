/** From entries of a lock file to references for sources: paths rebased, roots pinned. */
import { dirname } from 'node:path';
import type { Attributes, SourceEnv } from '../../contract/index.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { listed } from '../../core/printable.ts';
import { parseReference } from '../../source/parse.ts';
import { type Identified, identify, type Resolved } from '../../source/resolve.ts';
import type { SourceTable } from '../../source/table.ts';
import { checkEntry, heldToLock, rebasedAttributes } from './entry.ts';
import { readLock } from './file.ts';
import { isContextName, type Lock, type LockEntry } from './lock.ts';
import { orVendored, type Vendored, vendoredOf } from './vendored.ts';

/** A lock file that was read. */
export interface OpenLock {
  /** Absolute. */
  readonly path: string;
  readonly entries: Lock;
}

/** The context of parsing references: the sources, the current directory, the attributes from flags. */
export interface ReferenceSite {
  readonly table: SourceTable;
  readonly cwd: string;
  readonly attributes: Attributes;
}

/**
 * An identified reference; `held`: only its key is locked, so the key has to be that of this entry; `vendored`: what is
 * read once the origin is gone.
 */
export interface Understood extends Identified {
  readonly held?: LockEntry | undefined;
  readonly vendored?: Vendored | undefined;
}

/** The instances of references; one of which only the key is locked returns no content under another key. */
export function bind(understood: readonly Understood[], env: SourceEnv): Resolved[] {
  return understood.map(({ held, vendored, ...one }) => {
    const free = one.source.resolve(one.identifier, env);
    const instance = held === undefined ? free : heldToLock(free, one.ref.name!, held);
    return { ...one, instance: vendored === undefined ? instance : orVendored(instance, one, vendored, env) };
  });
}

/** Reads a lock file that must exist: `E_PATH_NOT_FOUND`, `E_CONFIG`, `E_UNSAFE` if it contradicts itself. */
export async function openLock(site: ReferenceSite, path: string): Promise<OpenLock> {
  const lock = await openLockIfThere(site, path);
  if (lock !== undefined) return lock;
  throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no lock file ${path}`, {
    hint: 'write one: ctxsrc lock NAME=REF…',
  });
}

/** As `openLock`; undefined if the file does not exist. */
export async function openLockIfThere(site: ReferenceSite, path: string): Promise<OpenLock | undefined> {
  const entries = readLock(path);
  if (entries === undefined) return undefined;
  const schemes = site.table.schemes();
  const bare = { ...site, attributes: {} };
  for (const [name, entry] of entries) {
    // Entries of sources that are not loaded cannot be checked, and not be used either.
    if (!schemes.includes(parseReference(`${name}=${entry.ref}`, dirname(path)).scheme)) continue;
    checkEntry(await identifyEntry(bare, path, name, entry), name, entry, path);
  }
  return { path, entries };
}

/** Identifies references; a name in the lock file means its entry, even if a directory has the same name. */
export async function understand(
  site: ReferenceSite,
  references: readonly string[],
  lock: OpenLock,
): Promise<Understood[]> {
  const understood: Understood[] = [];
  for (const text of references) {
    if (lock.entries.has(text)) understood.push(await entryReference(site, lock, text, 'pinned'));
    else {
      const one = identify(site.table, text, site.attributes);
      understood.push(await one.catch((error: unknown) => Promise.reject(orEntry(error, text, lock))));
    }
  }
  return understood;
}

/** Adds a hint for a user who may have meant an entry of the lock file. */
function orEntry(error: unknown, text: string, lock: OpenLock): unknown {
  if (!isCtxsrcError(error, 'E_REFERENCE') || !isContextName(text)) return error;
  const hint = [namesIn(lock), error.hint].filter((part) => part !== undefined).join('; ');
  return error.with({ message: `${error.message}, nor a name in the lock file ${lock.path}`, hint });
}

function namesIn({ entries }: OpenLock): string {
  return `the file has ${entries.size === 0 ? 'none' : listed([...entries.keys()])}`;
}

/**
 * One entry: `pinned` to what it pointed to, or as `written`, to see where that points now. Flags override the
 * attributes in the file. `E_NOT_FOUND` for an unknown name.
 */
export async function entryReference(
  site: ReferenceSite,
  lock: OpenLock,
  name: string,
  form: 'pinned' | 'written',
): Promise<Understood> {
  const entry = lock.entries.get(name);
  if (entry === undefined) {
    throw new CtxsrcError('E_NOT_FOUND', `the lock file ${lock.path} has no context ${JSON.stringify(name)}`, {
      hint: namesIn(lock),
    });
  }
  const written = await identifyEntry(site, lock.path, name, entry);
  if (form === 'written') return written;
  const pinned = written.identifier.pinned?.(entry.digest);
  const vendored = await vendoredOf(site, written, entry, lock.path);
  if (pinned === undefined) return { ...written, held: entry, vendored };
  return { ...(await identify(site.table, `${name}=${pinned}`, written.identifier.attributes)), vendored };
}

/** The reference of an entry as written, with the attributes of the file and the flags, which take precedence. */
async function identifyEntry(site: ReferenceSite, path: string, name: string, entry: LockEntry): Promise<Identified> {
  const from = dirname(path);
  const ref = parseReference(`${name}=${entry.ref}`, from);
  const source = await site.table.load(ref.scheme);
  const reference = source.rebase?.(ref, from, site.cwd) ?? entry.ref;
  const kept = rebasedAttributes(source, entry.attributes ?? {}, from, site.cwd);
  return identify(site.table, `${name}=${reference}`, { ...kept, ...site.attributes });
}
