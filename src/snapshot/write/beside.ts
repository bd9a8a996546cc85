/**
 * The names under which a run writes beside a target before it replaces the target:
 *
 *     .NAME.ctxsrc-ID.part     a file or directory in the making that needs no sidecar: an export, a lock file
 *     .NAME.ctxsrc-ID.tree     the new tree of a snapshot; after an exchange the old one
 *     .NAME.ctxsrc-ID.json     its sidecar: exists only when the tree is complete
 *     .NAME.ctxsrc-ID.old      the old tree, set aside where the platform has no exchange
 *     .NAME.ctxsrc-ID.oldjson  the old sidecar, set aside before the trees are exchanged
 *     .NAME.ctxsrc-ID.lock     this run changes names at the target, others wait
 *
 * ID identifies the run, so that a living run is never taken for a dead one.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { sha256 } from '../../core/digest.ts';
import { localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { type Heartbeat, type Identity, livenessOf, ownedName, ownerOf, touch } from '../../store/process-identity.ts';

/** The heartbeat of a writing run. The silence is long, because a tree may be on a slow network disk. */
const HEARTBEAT: Heartbeat = { interval: 20_000, voidAfter: 15 * 60_000 };

const ENDINGS = {
  part: '.part',
  tree: '.tree',
  json: '.json',
  old: '.old',
  oldJson: '.oldjson',
  lock: '.lock',
} as const;
type Name = keyof typeof ENDINGS;

/** The names of one run beside a target, absolute. */
export type Staging = Readonly<Record<Name, string>> & {
  readonly target: string;
  /** The common beginning of the names. */
  readonly stem: string;
};

/** Names for a new run; nothing is created. */
export function newStaging(target: string): Staging {
  return staging(target, ownedName());
}

function staging(target: string, id: string): Staging {
  const stem = join(dirname(target), `${prefix(target)}${id}`);
  const names = Object.entries(ENDINGS).map(([name, ending]) => [name, stem + ending]);
  return { target, stem, ...(Object.fromEntries(names) as Record<Name, string>) };
}

/** `.NAME.ctxsrc-`; a long NAME is cut and its hash appended, so that names stay within 255 bytes. */
export function prefix(target: string): string {
  const name = basename(target);
  const short =
    Buffer.byteLength(name) <= 150 ? name : `${[...name].slice(0, 30).join('')}~${sha256(name).slice(7, 23)}`;
  return `.${short}.ctxsrc-`;
}

/** Touches a path from time to time, so that a run on another machine sees that this one lives. */
export function heartbeat(path: string): { stop(): void } {
  const timer = setInterval(() => void touch(path), HEARTBEAT.interval).unref();
  return { stop: () => clearInterval(timer) };
}

/** Every run that has files beside the target. */
export function runsAt(target: string): { run: Staging; lives: boolean }[] {
  const stem = prefix(target);
  const ids = new Set<string>();
  for (const name of names(dirname(target))) {
    const ending = Object.values(ENDINGS).find((known) => name.endsWith(known)) ?? '';
    if (name.startsWith(stem)) ids.add(name.slice(stem.length, name.length - ending.length));
  }
  return [...ids].flatMap((id) => {
    const owner = ownerOf(id);
    if (owner === undefined) return [];
    const run = staging(target, id);
    return [{ run, lives: isLiving(run, owner) }];
  });
}

/** A run by its stem; undefined if the stem does not belong to a run at that target. */
export function runOf(target: string, stem: string): { run: Staging; lives: boolean } | undefined {
  const id = basename(stem).slice(prefix(target).length);
  const owner = ownerOf(id);
  const run = staging(target, id);
  return owner === undefined || run.stem !== stem ? undefined : { run, lives: isLiving(run, owner) };
}

function isLiving(run: Staging, owner: Identity): boolean {
  return livenessOf(owner, lastTouched(run), HEARTBEAT) === 'alive';
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw localError(error, `cannot read ${printable(dir)}`);
  }
}

/** The last change of a run's files, in milliseconds since the epoch. */
function lastTouched(run: Staging): number {
  return Math.max(...pathsOf(run).map((path) => lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0));
}

/** True if a run has files beside its target. */
export function leavesSomething(run: Staging): boolean {
  return pathsOf(run).some(isThere);
}

function pathsOf(run: Staging): string[] {
  return Object.keys(ENDINGS).map((name) => run[name as Name]);
}

/** Removes the parts of dead runs beside a file or directory that is written by one rename. */
export async function removeDeadParts(target: string): Promise<void> {
  for (const { run, lives } of runsAt(target)) if (!lives) await removeTree(run.part);
}

export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
