/**
 * `--modes`: which permissions of an entry are part of the key and written by a snapshot. What the system then takes
 * away, set-ID bits at a change of owner for instance, is in `write/metadata.ts`.
 */
import type { EntryType } from './tree-entry.ts';

/** `exact`: modes as they are. `exec`: only what a checkout keeps under any umask, whether a file is executable. */
export type Modes = 'exact' | 'exec';

/** The mode that is hashed and written. */
export function keptMode(entry: { readonly type: EntryType; readonly mode: number }, modes: Modes): number {
  if (modes === 'exact' || entry.type === 'symlink') return entry.mode;
  return entry.type === 'dir' || (entry.mode & 0o100) !== 0 ? 0o755 : 0o644;
}
