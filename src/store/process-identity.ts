/**
 * The owner of a lock, a lease or a temporary directory. The name of its file identifies the owner, so that creating
 * the file is one atomic step and no half-written content can be read: `<pid>-<start>-<pid namespace>-<boot>-<random>`.
 *
 * A process ID is valid only for readers of the same boot and PID namespace, and even there a new process may reuse it:
 * the start time tells them apart. All other readers (another container with the same cache mounted, another boot) use
 * the heartbeat, the mtime of the file.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { utimes } from 'node:fs/promises';

/** How often a holder touches its files, and after how long without a touch they are void, in milliseconds. */
export interface Heartbeat {
  readonly interval: number;
  readonly voidAfter: number;
}

/** Gives files the present time, as the sign of life or of use; one that is gone or not ours stays as it is. */
export async function touch(...paths: readonly string[]): Promise<void> {
  const now = new Date();
  await Promise.all(paths.map((path) => utimes(path, now, now).catch(() => undefined)));
}

export const HEARTBEAT: Heartbeat = { interval: 15_000, voidAfter: 60_000 };

export interface Identity {
  readonly pid: number;
  /** Start time in clock ticks since boot; 0 if the platform does not tell. */
  readonly start: string;
  /** Number of the PID namespace; `0` if there is none. */
  readonly namespace: string;
  /** Boot ID in hexadecimal; `0` if the platform has none. */
  readonly boot: string;
}

let own: Identity | undefined;

/** This process. */
export function ownIdentity(): Identity {
  own ??= {
    pid: process.pid,
    start: startOf(process.pid) ?? '0',
    namespace: pidNamespace(),
    boot: bootId(),
  };
  return own;
}

/** The boot ID of this machine; `0` if the platform has none. */
export function bootId(): string {
  return readOr('/proc/sys/kernel/random/boot_id', '0').replaceAll('-', '') || '0';
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

/** Start time of a running process; undefined if there is none (a zombie is none). */
function startOf(pid: number): string | undefined {
  const stat = processStat(pid);
  // The program's name is in brackets and may contain anything, so fields are counted from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20 || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return fields[19];
}

/** Empty if there is no such process. A process that cannot be read for lack of a file descriptor may still run. */
function processStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE' || code === 'EIO') throw error;
    return '';
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return otherwise;
  }
}

/** A unique file name that identifies its owner. */
export function ownedName(): string {
  const { pid, start, namespace, boot } = ownIdentity();
  return `${pid}-${start}-${namespace}-${boot}-${randomBytes(6).toString('hex')}`;
}

/** The owner in a file name; undefined if the name has another form. */
export function ownerOf(name: string): Identity | undefined {
  const match = /^(\d+)-(\d+)-(\d+)-([0-9a-f]+)-[0-9a-f]{12}$/.exec(name);
  if (match === null) return undefined;
  return { pid: Number(match[1]), start: match[2]!, namespace: match[3]!, boot: match[4]! };
}

/**
 * `alive` and `dead` are certain (by the process table); `silent` means that only the heartbeat could tell and that it
 * is too old.
 * @param touched mtime of the owner's file, milliseconds since the epoch
 */
export function livenessOf(owner: Identity, touched: number, heartbeat: Heartbeat): 'alive' | 'dead' | 'silent' {
  const self = ownIdentity();
  if (owner.boot !== '0' && owner.boot === self.boot && owner.namespace === self.namespace && owner.start !== '0') {
    return startOf(owner.pid) === owner.start ? 'alive' : 'dead';
  }
  // A mtime in the future comes from a stepped clock and counts like an old one.
  return Math.abs(Date.now() - touched) < heartbeat.voidAfter ? 'alive' : 'silent';
}
