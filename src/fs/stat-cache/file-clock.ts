/** How far the times of files can be trusted: by which clock they are set, and how coarsely. */
import { statfsSync, statSync } from 'node:fs';
import { monotonicMs } from '../../core/monotonic.ts';
import { type ByteString, fsPath } from '../byte-string.ts';

/** Seconds-old changes are not trusted: file systems exist whose times have two seconds of granularity. */
const SLACK_MS = 2_000;
/** Servers have clocks of their own, and so may file systems in user space. */
const REMOTE_SLACK_MS = 60_000;
const OVERLAY = 0x794c7630;
/** `f_type` of file systems that take the time from this machine's clock: ext, xfs, btrfs, tmpfs, zfs, overlay, f2fs. */
const LOCAL_TYPES: readonly number[] = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x2fc12fc1, OVERLAY, 0xf2f52010];
/** A clock that has lost so much against one that only goes forward was stepped back. */
const STEP_MS = 500;

/** The clock of one run over one tree. */
export class FileClock {
  /** When the run began, ms since the epoch. */
  readonly begun = Date.now();
  /** Device of the tree's root. */
  readonly device: number;
  /** The root's file system has this machine's clock, and gives a directory other times with each change of its names. */
  readonly isLocal: boolean;
  /** Its files are all on the device that they say. */
  readonly isPlain: boolean;
  readonly #started = monotonicMs();

  /** @throws errors of `node:fs` when there is no such directory */
  constructor(root: ByteString) {
    const path = fsPath(root || '/');
    this.device = statSync(path).dev;
    const type = typeOf(path);
    this.isLocal = type !== undefined && LOCAL_TYPES.includes(type);
    this.isPlain = this.isLocal && type !== OVERLAY;
  }

  /** What was last changed before this moment (ms since the epoch) has not been changed since the run began. */
  settledBefore(device: number): number {
    return this.begun - (this.isLocal && device === this.device ? SLACK_MS : REMOTE_SLACK_MS);
  }

  /** True when the clock was stepped back since the run began, so that what was changed meanwhile may look old. */
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
