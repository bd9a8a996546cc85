/** The files of a local build context: read once, then asked what each COPY, ADD and bind mount takes of them. */
import { type Digest, sha256 } from '../../core/digest.ts';
import type { CtxsrcError } from '../../core/errors.ts';
import type { Progress } from '../../core/progress.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, textOfBytes } from '../../fs/byte-string.ts';
import { keptMode, type Modes } from '../../fs/entry/modes.ts';
import type { EntryRows } from '../../fs/entry/rows.ts';
import { DiskReader, type EntryType } from '../../fs/entry/tree-entry.ts';
import { changing } from '../../fs/hash/changed-files.ts';
import { type HashedEntries, type HashedTree, hashEntries } from '../../fs/hash/hash-tree.ts';
import type { PlaceOf } from '../../fs/match/patterns.ts';
import { Slices } from '../../fs/walk/slices.ts';
import { resolveDirectory } from '../../source/local/directory.ts';
import { ROOT, type Selection } from '../step/selection.ts';
import { bytesDigest } from './bytes.ts';
import { missingPath } from './missing.ts';
import { requireStart, type Selected, select } from './select.ts';
import { deduplicated } from './selections.ts';
import { ContentTree } from './tree.ts';

export interface ContextOptions {
  /** Patterns of the ignore file. */
  readonly exclude?: readonly string[] | undefined;
  /** The position of an exclude pattern, for messages. */
  readonly excludedBy?: PlaceOf | undefined;
  /** What the build takes of the directory; absent: everything. Nothing else is read. */
  readonly followPaths?: readonly string[] | undefined;
  readonly modes?: Modes | undefined;
  /** Folder of the stat cache; absent: every file is read. */
  readonly statCache?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
  readonly limits?: ReadLimits | undefined;
}

/** An entry that a selection takes. */
export interface ContentEntry {
  /** Below the context. */
  readonly path: string;
  readonly type: EntryType;
  /** As it counts: permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  /** Of header and content; of a directory, of its header. */
  readonly digest: Digest;
  /** Of the bytes of a regular file alone. */
  readonly content?: Digest;
}

/**
 * Reads what a build takes of a directory, as BuildKit's client sends it.
 * @param directory absolute
 * @throws CtxsrcError as `hashTree`, and `E_PATH_NOT_FOUND` if there is no such directory
 */
export async function openContext(directory: string, options: ContextOptions = {}): Promise<ContextContent> {
  const { exclude = [], excludedBy, followPaths, modes, statCache, signal, progress, limits } = options;
  const root = resolveDirectory(directory);
  const filter = {
    ...(exclude.length === 0 ? {} : { exclude }),
    ...(followPaths === undefined ? {} : { follow: followPaths }),
    excludedBy,
  };
  const hashed = await hashEntries(root, { filter, modes, cacheDir: statCache, signal, progress, limits });
  return new ContextContent(root, hashed, options);
}

/** The files that a build takes of a directory. */
export class ContextContent {
  readonly #disk: DiskReader;
  readonly #tree: ContentTree;
  readonly #hashed: HashedTree;
  readonly #options: ContextOptions;
  /** What was selected before, for other platforms and for the list of entries. */
  readonly #selected = new Map<string, Selected>();
  readonly #notFound: (path: ByteString) => Error;

  /** @param notFound the error for a path that is not there */
  constructor(
    root: ByteString,
    hashed: HashedEntries,
    options: ContextOptions,
    notFound?: (path: ByteString) => CtxsrcError,
  ) {
    const disk = new DiskReader(root);
    this.#disk = disk;
    this.#tree = new ContentTree(hashed, (chunk, at) => readTarget(disk, chunk, at));
    this.#hashed = hashed.tree;
    this.#options = options;
    this.#notFound = notFound ?? ((path) => missingPath(path, this.#tree, root, options));
  }

  /** The content key of all that was read, as a directory with the same filters has it. */
  get key(): Digest {
    return `sha256:${this.#hashed.digest}`;
  }

  /** Entries that are not directories, and the bytes of regular files, whatever selects them. */
  get files(): number {
    return this.#hashed.files;
  }

  get bytes(): number {
    return this.#hashed.bytes;
  }

  /** `xattrs` if extended attributes could not be read. */
  get incomplete(): readonly string[] {
    return this.#hashed.incomplete;
  }

  /**
   * The digest by which BuildKit compares an input of an operation that takes only this of it. It holds names below what
   * is selected, modes, content, links and extended attributes; neither owners nor times, nor where the selected lies.
   * @param selections all that one operation takes; none: everything
   * @throws CtxsrcError `E_PATH_NOT_FOUND` for a path that is not there, with what may be the reason; `E_PATTERN`,
   * `E_LIMIT`; `E_UNSAFE` for a loop of links; `E_IO` for a link that changes meanwhile; the reason of the abort
   */
  async digest(selections: readonly Selection[]): Promise<Digest> {
    const selected = await this.#select(selections);
    return sha256(selected.map(({ digest }) => `sha256:${digest}`).join('\0'));
  }

  /**
   * What selections take, each entry once, in the order of the walk. A link that is followed is not among them, but what
   * it leads to. Every file is read once more.
   * @throws CtxsrcError as `digest`
   */
  async entries(selections: readonly Selection[]): Promise<ContentEntry[]> {
    const positions = new Set<number>();
    for (const { position, whole } of (await this.#select(selections)).flatMap(({ taken }) => taken)) {
      const end = whole ? this.#tree.end(position) : position + 1;
      // The root is not sent: it has no mode.
      for (let at = Math.max(1, position); at < end; at += 1) positions.add(at);
    }
    const slices = new Slices(this.#options.signal, () => undefined);
    const entries: ContentEntry[] = [];
    for (const position of [...positions].sort((a, b) => a - b)) {
      entries.push(this.#entry(position));
      if (slices.over) await slices.pause();
    }
    return entries;
  }

  async #select(selections: readonly Selection[]): Promise<Selected[]> {
    const slices = new Slices(this.#options.signal, () => undefined);
    const job = { slices, notFound: this.#notFound };
    // BuildKit takes a path inside another one with that, and then looks for it all the same.
    for (const selection of selections) requireStart(this.#tree, selection, job);
    const selected: Selected[] = [];
    for (const selection of deduplicated(selections.length === 0 ? [ROOT] : selections)) {
      const name = JSON.stringify(selection);
      const found = this.#selected.get(name) ?? (await select(this.#tree, selection, job));
      this.#selected.set(name, found);
      selected.push(found);
    }
    return selected;
  }

  #entry(position: number): ContentEntry {
    const type = this.#tree.type(position);
    const mode = keptMode({ type, mode: this.#tree.mode(position) }, this.#options.modes ?? 'exact');
    return {
      path: textOfBytes(this.#tree.path(position).slice(1)),
      type,
      mode: type === 'symlink' ? 0o777 : mode,
      digest: `sha256:${this.#tree.digest(position)}`,
      ...(type === 'file' ? { content: bytesDigest(this.#disk, this.#tree.path(position).slice(1)) } : {}),
    };
  }
}

/** The text of a link, if it is still the one that was hashed. */
function readTarget(disk: DiskReader, rows: EntryRows, at: number): ByteString {
  const path = rows.path(at);
  try {
    const target = disk.target(path);
    const entry = disk.entry(path);
    if (entry !== undefined && rows.isSame(at, entry)) return target;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EINVAL') throw error;
  }
  throw changing(path);
}
