/** The metadata of clones: all that the stored entry has, or no clone. */
import type { Entry, Owner, Time } from '../../contract/entry.ts';
import { MetadataWriter, type Target } from '../../fs/write/metadata.ts';
import { makeSpecialFile, type SpecialType } from '../../fs/write/special-file.ts';

/** A code, as no class crosses threads. */
const UNABLE = 'CLONE_UNABLE';

const writer = new MetadataWriter(
  { owner: 'preserve' },
  {
    add(kind, _path, detail) {
      // Without the native calls times are kept to the microsecond, which is near enough for the checks of the store.
      if (kind === 'mtime') return;
      throw unable(`the target cannot hold what the snapshot has (${kind} ${detail})`);
    },
  },
);
/** The owner of new files where it is not known: nobody's. */
const UNKNOWN: Owner = { uid: -1, gid: -1 };

/**
 * Gives a created entry the recorded owner, mode, attributes and time.
 * @param present its mode, if known
 * @param created owner of what this process creates there
 */
export function finishClone(path: string | Buffer, entry: Entry, present?: number, created = UNKNOWN): void {
  const { type, mode, uid, gid, mtime, mtimeNs, xattrs } = entry;
  const meta = { mode, uid, gid, mtime, mtimeNs, xattrs };
  writer.finish(path, entry.path, type === 'hardlink' ? 'file' : type, meta, { ...created, mode: present });
}

/** Sets nothing but the time, for a file that needs nothing else. */
export function setCloneTime(target: Target, { path }: Entry, time: Time): void {
  writer.setTimes(target, path, time);
}

/** True if a clone cannot be exact; the files are then made from the source. */
export function isUnable(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === UNABLE;
}

function unable(message: string): Error {
  return Object.assign(new Error(message), { code: UNABLE });
}

/** Makes a device or fifo. @throws what `isUnable` recognises */
export function cloneSpecialFile(path: string | Buffer, { type, mode, target }: Entry): void {
  const made = makeSpecialFile(path, type as SpecialType, mode & 0o777, target);
  if (!made) throw unable(`the target cannot hold what the snapshot has (${type})`);
}
