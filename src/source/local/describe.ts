/** What `ctxsrc inspect DIR` shows: size, ignored paths and why, the largest files, differences between machines. */
import { accessSync, constants } from 'node:fs';
import type { JobContext } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { cleanPath } from '../../core/go/path.ts';
import { printable } from '../../core/printable.ts';
import { ReadBudget, type ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, bytesOfText, isUtf8, textOfBytes } from '../../fs/byte-string.ts';
import { DiskReader, type TreeEntry } from '../../fs/entry/tree-entry.ts';
import type { HashedTree } from '../../fs/hash/hash-tree.ts';
import type { Pattern } from '../../fs/match/patterns.ts';
import type { TreeFilter } from '../../fs/walk/filter.ts';
import { Slices } from '../../fs/walk/slices.ts';
import { walkInSteps } from '../../fs/walk/walk.ts';
import type { IgnoreFile } from './find-ignore-file.ts';
import { FolderSums } from './folder-sums.ts';
import { VERSION_CONTROL } from './version-control.ts';

/** The directory as it is filtered. */
export interface FilteredDirectory {
  /** Resolved, as a byte string. */
  readonly root: string;
  readonly ignoreFile: IgnoreFile | undefined;
  readonly filter: TreeFilter & { readonly excludedBy: (index: number) => string };
}

/** Number of paths shown of each kind; the count includes all. */
const SHOWN = 10;

/** Paths of one kind, the first few by name. */
interface Sample {
  count: number;
  readonly paths: string[];
}

function addTo(sample: Sample, path: ByteString): void {
  sample.count += 1;
  if (sample.paths.length < SHOWN) sample.paths.push(shown(path));
}

/**
 * The facts of a directory.
 * @param options `why`: a path of the directory whose decision is explained
 * @param hash hashes the tree; not called if something in it cannot be read
 */
export async function describeTree(
  job: JobContext,
  directory: FilteredDirectory,
  options: { readonly why: string | undefined; readonly detailed: boolean; readonly limits: ReadLimits | undefined },
  hash: () => Promise<HashedTree>,
): Promise<Record<string, unknown>> {
  const survey = new Survey(directory);
  await walkAll(job, directory, survey, options.limits);
  const hashed = survey.isReadable ? await hash() : undefined;
  return {
    ...(hashed === undefined ? {} : { key: `sha256:${hashed.digest}`, incomplete: hashed.incomplete }),
    files: survey.files,
    directories: survey.directories,
    bytes: survey.bytes,
    ...(directory.ignoreFile === undefined ? {} : { ignoreFile: directory.ignoreFile.name }),
    ignored: survey.ignoredFacts(),
    largest: survey.largest(),
    ...(options.detailed ? { folders: survey.folders.rows() } : {}),
    machineDependent: survey.machineDependent(),
    ...(options.why === undefined ? {} : { why: survey.why(options.why) }),
  };
}

async function walkAll(
  job: JobContext,
  { root, filter }: FilteredDirectory,
  survey: Survey,
  limits: ReadLimits | undefined,
): Promise<void> {
  const budget = new ReadBudget(limits, shown(root));
  const slices = new Slices(job.signal, () => undefined);
  for (const entry of walkInSteps(survey.reader, filter, survey.ignored)) {
    if (entry !== undefined) {
      budget.spend(1, entry.type === 'file' ? entry.size : 0);
      survey.take(entry);
    }
    if (slices.over) await slices.pause();
  }
}

/** What makes a directory another one on another machine. */
const KINDS = ['unreadable', 'sockets', 'devices', 'pipes', 'modes', 'namesNotUtf8', 'versionControl'] as const;

class Survey {
  readonly #directory: FilteredDirectory;
  readonly reader: DiskReader;
  readonly #ignored = new Map<ByteString, Pattern | 'not included'>();
  readonly #taken = new Set<ByteString>();
  #largest: TreeEntry[] = [];
  files = 0;
  directories = 0;
  bytes = 0;
  readonly folders = new FolderSums();
  readonly #samples = new Map(KINDS.map((kind): [string, Sample] => [kind, { count: 0, paths: [] }]));

  constructor(directory: FilteredDirectory) {
    this.#directory = directory;
    this.reader = new DiskReader(directory.root);
  }

  get isReadable(): boolean {
    return this.#samples.get('unreadable')!.count === 0;
  }

  readonly ignored = (path: ByteString, by: Pattern | 'not included'): void => {
    this.#ignored.set(path, by);
  };

  take(entry: TreeEntry): void {
    const { path, type, mode } = entry;
    this.#taken.add(path);
    // The parent of a re-included path is sent although a pattern matches it.
    this.#ignored.delete(path);
    if (type === 'dir') {
      this.directories += 1;
      this.folders.addFolder(path);
    } else {
      this.files += 1;
      this.folders.addFile(path, type === 'file' ? entry.size : 0);
    }
    const note = (kind: (typeof KINDS)[number]): void => addTo(this.#samples.get(kind)!, path);
    if (type === 'socket') note('sockets');
    if (type === 'char' || type === 'block') note('devices');
    if (type === 'fifo') note('pipes');
    if (!isUtf8(path)) note('namesNotUtf8');
    if (VERSION_CONTROL.includes(path)) note('versionControl');
    if (dependsOnUmask(type, mode)) note('modes');
    if ((type === 'file' || type === 'dir') && !this.#isReadable(entry)) note('unreadable');
    if (type === 'file') this.#weigh(entry);
  }

  #weigh(entry: TreeEntry): void {
    this.bytes += entry.size;
    this.#largest.push(entry);
    if (this.#largest.length > 1_000) this.#largest = this.#sorted();
  }

  #sorted(): TreeEntry[] {
    return this.#largest.sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1)).slice(0, SHOWN);
  }

  #isReadable(entry: TreeEntry): boolean {
    try {
      accessSync(this.reader.full(entry.path), entry.type === 'dir' ? constants.R_OK | constants.X_OK : constants.R_OK);
      return true;
    } catch {
      return false;
    }
  }

  largest(): unknown[] {
    return this.#sorted().map(({ path, size }) => ({ path: shown(path), size }));
  }

  /** Ignored paths by the pattern that matched them. A directory of which nothing can pass counts once. */
  ignoredFacts(): Record<string, unknown> {
    const groups = new Map<Pattern | 'not included', Sample>();
    for (const [path, by] of this.#ignored)
      addTo(
        getOrMake(groups, by, () => ({ count: 0, paths: [] })),
        path,
      );
    const by = [...groups].map(([pattern, sample]) => ({ ...this.#decision(pattern), ...sample }));
    return { count: this.#ignored.size, by };
  }

  /** Samples of the kinds that were met. */
  machineDependent(): Record<string, Sample> {
    return Object.fromEntries([...this.#samples].filter(([, { count }]) => count > 0));
  }

  /** Whether a path is taken, and which pattern decided: the last one that matched it or a parent. */
  why(asked: string): Record<string, unknown> {
    const path = cleanPath(bytesOfText(asked)).replace(/^\/+/, '');
    if (path === '' || path === '.' || path.startsWith('..')) {
      throw new CtxsrcError('E_USAGE', `--why asks for a path inside the directory, not ${printable(asked)}`, {
        hint: 'write it relative to the directory, for instance src/main.c',
      });
    }
    const answer = { path: shown(path) };
    if (this.#taken.has(path)) return { ...answer, ignored: false };
    for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1)) {
      const by = this.#ignored.get(path.slice(0, at));
      if (by !== undefined) return { ...answer, ignored: true, ...this.#decision(by) };
    }
    throw new CtxsrcError('E_PATH_NOT_FOUND', `there is no ${printable(asked)} in the directory`, {
      hint: 'write the path relative to the directory',
    });
  }

  #decision(by: Pattern | 'not included'): Record<string, unknown> {
    if (by === 'not included') return { by: 'no --include or --follow-path takes it' };
    const { ignoreFile, filter } = this.#directory;
    const line = ignoreFile?.lines[by.index];
    if (line === undefined) return { by: '--exclude', pattern: filter.exclude?.[by.index] };
    return { by: ignoreFile!.name, line: line.line, pattern: line.pattern };
  }
}

/** True for modes that a checkout with the usual umask of 022 would not have. */
function dependsOnUmask(type: TreeEntry['type'], mode: number): boolean {
  if (type === 'symlink') return false;
  return type === 'dir' ? mode !== 0o755 : mode !== 0o644 && mode !== 0o755;
}

function shown(path: ByteString): string {
  return printable(textOfBytes(path));
}
