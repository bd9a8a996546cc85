/**
 * Who a lock, a lease or a temporary directory belongs to. The name of its file says it, so that creating the file is
 * one atomic step and nothing half-written can be read: `<pid>-<start>-<pid namespace>-<boot>-<random>`.
 *
 * A process ID means something only to a reader of the same boot and the same PID namespace, and even there a new
 * process may have got it: the start time tells them apart. Everyone else (another container with the same cache
 * mounted, another boot) goes by the heartbeat, the mtime of the file.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

/** How often a holder touches its files, and after how long without a touch they are void, in milliseconds. */
export interface Heartbeat {
  readonly interval: number;
  readonly voidAfter: number;
}

export const HEARTBEAT: Heartbeat = { interval: 15_000, voidAfter: 60_000 };

export interface Identity {
  readonly pid: number;
  /** Start time in clock ticks since boot; 0 where the platform does not say. */
  readonly start: string;
  /** Number of the PID namespace; `0` where there is none. */
  readonly namespace: string;
  /** Boot ID, hexadecimal; `0` where the platform has none. */
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

/** The boot ID of this machine, `0` where the platform has none. */
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

/** Start time of a running process; undefined when there is none (one that only waits to be reaped is none). */
function startOf(pid: number): string | undefined {
  const stat = processStat(pid);
  // The name of the program is in brackets and may contain anything: fields are counted from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20 || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return fields[19];
}

/** Empty when there is no such process; one that cannot be looked at for want of a file descriptor may well live. */
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

/** A file name that nobody else uses, and that says whose it is. */
export function ownedName(identity: Identity = ownIdentity()): string {
  const { pid, start, namespace, boot } = identity;
  return `${pid}-${start}-${namespace}-${boot}-${randomBytes(6).toString('hex')}`;
}

/** Whose a file is by its name; undefined when the name is none of ours. */
export function ownerOf(name: string): Identity | undefined {
  const match = /^(\d+)-(\d+)-(\d+)-([0-9a-f]+)-[0-9a-f]{12}$/.exec(name);
  if (match === null) return undefined;
  return { pid: Number(match[1]), start: match[2]!, namespace: match[3]!, boot: match[4]! };
}

/**
 * `alive` and `dead` are certain (the process table says so); `silent` means that only the heartbeat could tell and it
 * is older than it may be.
 * @param touched mtime of the owner's file, milliseconds since the epoch
 */
export function livenessOf(owner: Identity, touched: number, heartbeat: Heartbeat): 'alive' | 'dead' | 'silent' {
  const self = ownIdentity();
  if (owner.boot !== '0' && owner.boot === self.boot && owner.namespace === self.namespace && owner.start !== '0') {
    return startOf(owner.pid) === owner.start ? 'alive' : 'dead';
  }
  // A mtime in the future is a stepped clock, and no better than an old one.
  return Math.abs(Date.now() - touched) < heartbeat.voidAfter ? 'alive' : 'silent';
}
