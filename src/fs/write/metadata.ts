/** What every writer of files shares: whose they become, which bits of a mode survive that, and which failure is a loss. */

const SET_UID = 0o4000;
const SET_GID = 0o2000;

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What `--owner` comes to: `auto` is `current` for everyone but root, who alone can give files to others. */
export function ownerChoice<Choice extends string>(owner: Choice): Choice | 'current' {
  return owner === 'auto' && process.geteuid?.() !== 0 ? 'current' : owner;
}

/** The mode for a file that is another's than in its source: a program must not run as somebody who never meant it to. */
export function modeWithoutOwner(mode: number, meant: Owner, actual: Owner): number {
  let kept = mode;
  if (meant.uid !== actual.uid) kept &= ~SET_UID;
  if (meant.gid !== actual.gid) kept &= ~SET_GID;
  return kept;
}

/** For people, in a loss of the kind `setuid`. */
export function shownMode(mode: number): string {
  return `mode ${mode.toString(8).padStart(4, '0')}`;
}

/**
 * Whether the system will not set an owner or attribute for this user, on this file system or with this value (ext4 says
 * that no space is left of an attribute which is too large for it); anything else is a failure.
 */
export function isRefusal(error: unknown): boolean {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EPERM':
    case 'EACCES':
    case 'EINVAL':
    case 'ENOTSUP':
    case 'EOPNOTSUPP':
    case 'ENOSYS':
    case 'E2BIG':
    case 'ERANGE':
    case 'ENOSPC':
    case 'ERR_OUT_OF_RANGE':
      return true;
    default:
      return false;
  }
}
