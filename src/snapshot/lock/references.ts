/** From the entries of a lock file to references that sources understand: paths rebased, roots pinned. */
import { dirname } from 'node:path';
import type { Attributes } from '../../contract/index.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { listed } from '../../core/printable.ts';
import { parseReference } from '../../source/parse.ts';
import { type Identified, identify } from '../../source/resolve.ts';
import type { SourceTable } from '../../source/table.ts';
import { checkEntry, rebasedAttributes } from './entry.ts';
import { readLock } from './file.ts';
import { isContextName, type Lock, type LockEntry } from './lock.ts';

/** A lock file that was read. */
export interface OpenLock {
  /** Absolute. */
  readonly path: string;
  readonly entries: Lock;
}

/** Where references are read: the sources there are, the current directory, the attributes given by flags. */
export interface ReferenceSite {
  readonly table: SourceTable;
  readonly cwd: string;
  readonly attributes: Attributes;
}

/** A reference that was understood; `held`: its key has to be the one of this entry, for nothing else pins it. */
export interface Understood extends Identified {
  readonly held?: LockEntry | undefined;
}

/** Reads a lock file that has to be there: `E_PATH_NOT_FOUND`, `E_CONFIG`, `E_UNSAFE` for one that contradicts itself. */
export async function openLock(site: ReferenceSite, path: string): Promise<OpenLock> {
  const lock = await openLockIfThere(site, path);
  if (lock !== undefined) return lock;
  throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no lock file ${path}`, {
    hint: 'write one: ctxsrc lock NAME=REF…',
  });
}

/** As `openLock`; undefined when there is no such file. */
export async function openLockIfThere(site: ReferenceSite, path: string): Promise<OpenLock | undefined> {
  const entries = readLock(path);
  if (entries === undefined) return undefined;
  const schemes = site.table.schemes();
  const bare = { ...site, attributes: {} };
  for (const [name, entry] of entries) {
    // Of a source that is not loaded nothing is known, and nothing can be used.
    if (!schemes.includes(parseReference(`${name}=${entry.ref}`, dirname(path)).scheme)) continue;
    checkEntry(await identifyEntry(bare, path, name, entry), name, entry, path);
  }
  return { path, entries };
}

/** Understands references; a word that is an entry of the lock file is that entry, before any directory. */
export async function understand(
  site: ReferenceSite,
  references: readonly string[],
  lock: OpenLock,
): Promise<Understood[]> {
  const understood: Understood[] = [];
  for (const text of references) {
    if (lock.entries.has(text)) understood.push(await lockedReference(site, lock, text, 'pinned'));
    else {
      const one = identify(site.table, text, site.attributes);
      understood.push(await one.catch((error: unknown) => Promise.reject(orEntry(error, text, lock))));
    }
  }
  return understood;
}

/** Who typed a word that is no reference may have meant an entry of the lock file. */
function orEntry(error: unknown, text: string, lock: OpenLock): unknown {
  if (!isCtxsrcError(error, 'E_REFERENCE') || !isContextName(text)) return error;
  const hint = [namesIn(lock), error.hint].filter((part) => part !== undefined).join('; ');
  return error.with({ message: `${error.message}, nor a name in the lock file ${lock.path}`, hint });
}

function namesIn({ entries }: OpenLock): string {
  return `the file has ${entries.size === 0 ? 'none' : listed([...entries.keys()])}`;
}

/**
 * One entry: `pinned` to what it pointed at, or as it was `written`, to see where that points now. Flags win over the
 * attributes that the file keeps. `E_NOT_FOUND` for a name that it does not have.
 */
export async function lockedReference(
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
  if (pinned === undefined) return { ...written, held: entry };
  return identify(site.table, `${name}=${pinned}`, written.identifier.attributes);
}

/** The reference of an entry as it was written, with what the file keeps and the flags, which win. */
async function identifyEntry(site: ReferenceSite, path: string, name: string, entry: LockEntry): Promise<Identified> {
  const from = dirname(path);
  const reference = await rebased(site, `${name}=${entry.ref}`, from, site.cwd);
  const source = await site.table.load(parseReference(`${name}=${reference}`, site.cwd).scheme);
  const kept = rebasedAttributes(source, entry.attributes ?? {}, from, site.cwd);
  return identify(site.table, `${name}=${reference}`, { ...kept, ...site.attributes });
}

/** The value of `NAME=REF` for a reader in another directory. */
async function rebased(site: ReferenceSite, text: string, from: string, to: string): Promise<string> {
  const ref = parseReference(text, from);
  const source = await site.table.load(ref.scheme);
  return source.rebase?.(ref, from, to) ?? text.slice(text.indexOf('=') + 1);
}
