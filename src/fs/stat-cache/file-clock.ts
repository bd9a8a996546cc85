/** How far the times of files can be trusted: which clock sets them, and how coarsely. */
import { statfsSync, statSync } from 'node:fs';
import { monotonicMs } from '../../core/monotonic.ts';
import { type ByteString, fsPath } from '../byte-string.ts';

/** Changes of the last seconds are not trusted: some file systems have times with a granularity of two seconds. */
const SLACK_MS = 2_000;
/** Servers, and file systems in user space, may have clocks of their own. */
const REMOTE_SLACK_MS = 60_000;
const OVERLAY = 0x794c7630;
/** `f_type` of file systems that use this machine's clock: ext, xfs, btrfs, tmpfs, zfs, overlay, f2fs. */
const LOCAL_TYPES: readonly number[] = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x2fc12fc1, OVERLAY, 0xf2f52010];
/** A clock that lost this many milliseconds against a monotonic clock was stepped back. */
const STEP_MS = 500;

/** What a thread needs to know of a `FileClock`. */
export interface ClockFacts {
  /** When the run began, in ms since the epoch. */
  readonly begun: number;
  /** Device of the tree's root. */
  readonly device: number;
  /** The root's file system uses this machine's clock, and a change of names changes the times of their directory. */
  readonly isLocal: boolean;
}

/** True for an entry that cannot have been changed unseen since the run began. @param changed ms since the epoch */
export function isSettled({ begun, device: root, isLocal }: ClockFacts, device: number, changed: number): boolean {
  return changed < begun - (isLocal && device === root ? SLACK_MS : REMOTE_SLACK_MS);
}

/** The file-system clock during one run over one tree. */
export class FileClock implements ClockFacts {
  readonly begun = Date.now();
  readonly device: number;
  readonly isLocal: boolean;
  /** `st_dev` of every file is the root's (not so on overlayfs). */
  readonly isPlain: boolean;
  readonly #started = monotonicMs();

  /** @throws errors of `node:fs` if there is no such directory */
  constructor(root: ByteString) {
    const path = fsPath(root || '/');
    this.device = statSync(path).dev;
    const type = typeOf(path);
    this.isLocal = type !== undefined && LOCAL_TYPES.includes(type);
    this.isPlain = this.isLocal && type !== OVERLAY;
  }

  /** True if the clock was stepped back during the run, so that changes since then may look old. */
  get steppedBack(): boolean {
    return Date.now() - this.begun < monotonicMs() - this.#started - STEP_MS;
  }
}

function typeOf(path: string | Buffer): number | undefined {
  try {
    return statfsSync(path).type;
  } catch {
    return undefined;
  }
}
