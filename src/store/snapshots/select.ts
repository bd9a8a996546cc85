/** The part of a stored snapshot that a filter selects, as entries of a tree of its own. */
import type { Entry } from '../../contract/entry.ts';
import type { WriteFilter, WriteReport } from '../../contract/ref.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, bytesOfText, printableBytes, textOfBytes } from '../../fs/byte-string.ts';
import { PathFilter } from '../../fs/match/path-filter.ts';
import type { SnapshotHeader } from './manifest.ts';

export interface Selection {
  /** The directory of the snapshot that becomes the root; empty for its root. */
  readonly subpath: string;
  readonly entries: readonly Entry[];
  readonly facts: Pick<WriteReport, 'files' | 'bytes' | 'losses' | 'lossCounts'>;
}

/**
 * Selects among all entries of a snapshot, depth first. A directory is selected if it is wanted or contains a selected
 * entry; a hard link whose first path is left out becomes the file.
 * @returns undefined if the losses of the part are unknown, because the list of losses was cut
 * @throws CtxsrcError `E_PATH_NOT_FOUND` when there is no directory at the filter's subpath; `E_PATTERN`, `E_ATTRIBUTE`
 */
export function selectEntries(
  all: Iterable<Entry>,
  { losses, lossCounts }: Pick<SnapshotHeader, 'losses' | 'lossCounts'>,
  options: WriteFilter,
): Selection | undefined {
  const filter = new PathFilter(options);
  const selecting = new Selecting(filter);
  for (const entry of all) selecting.add(entry);
  if (!selecting.found) {
    throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no directory ${printable(options.subpath ?? '')}`, {
      hint: 'subpath names a directory of the source',
    });
  }
  const total = Object.values(lossCounts).reduce((sum, count) => sum + count, 0);
  if (losses.length < total) return undefined;
  const chosen = new Set(selecting.entries.map(({ path }) => printableBytes(path)));
  const kept = losses.flatMap((loss) => {
    const path = filter.writtenPath(bytesOfText(loss.path));
    return path !== undefined && chosen.has(textOfBytes(path)) ? [{ ...loss, path: textOfBytes(path) }] : [];
  });
  const counts: Record<string, number> = {};
  for (const { kind } of kept) counts[kind] = (counts[kind] ?? 0) + 1;
  return {
    subpath: textOfBytes(filter.subpath),
    entries: selecting.entries,
    facts: { files: selecting.entries.length, bytes: selecting.bytes, losses: kept, lossCounts: counts },
  };
}

class Selecting {
  readonly entries: Entry[] = [];
  bytes = 0;
  /** The subpath exists and is a directory. */
  found: boolean;
  readonly #filter: PathFilter;
  /** Open directories that contain no selected entry so far. */
  #above: { readonly place: ByteString; readonly entry: Entry }[] = [];
  /** Files that were left out, by path, and the hard link that was selected in place of each. */
  readonly #leftOut = new Map<ByteString, Entry>();
  readonly #instead = new Map<ByteString, ByteString>();

  constructor(filter: PathFilter) {
    this.#filter = filter;
    this.found = filter.subpath === '';
  }

  add(entry: Entry): void {
    const { path } = entry;
    const place = this.#filter.writtenPath(path);
    if (place === '') {
      this.found = entry.type === 'dir';
      return;
    }
    this.#above = this.#above.filter((above) => place?.startsWith(`${above.place}/`));
    if (place === undefined || !this.#filter.wants(place)) {
      if (entry.type === 'file') this.#leftOut.set(path, entry);
      if (entry.type === 'dir' && place !== undefined) this.#above.push({ place, entry });
      return;
    }
    for (const above of this.#above) this.entries.push({ ...above.entry, path: above.place });
    this.#above = [];
    const chosen = entry.type === 'hardlink' ? this.#link(entry, place) : { ...entry, path: place };
    if (chosen.type === 'file') this.bytes += chosen.size;
    this.entries.push(chosen);
  }

  #link(entry: Entry, place: ByteString): Entry {
    const { target: first = '' } = entry;
    const file = this.#leftOut.get(first);
    const instead = this.#instead.get(first);
    if (file !== undefined && instead === undefined) {
      this.#instead.set(first, place);
      return { ...file, path: place };
    }
    return { ...entry, path: place, target: instead ?? this.#filter.writtenPath(first) ?? first };
  }
}
