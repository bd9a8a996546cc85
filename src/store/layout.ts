/**
 * The store's directory: an OCI image layout (`oci-layout`, `index.json`, `blobs/`) and, beside it, what the layout has
 * no place for. It is created at the first write, so that a command that only reads works where nothing can be written.
 */
import { constants, type Dirent, lstatSync, readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { access, link, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CtxsrcError } from '../core/errors.ts';
import { type Progress, silentProgress } from '../core/progress.ts';
import { makeDirectory } from '../fs/write/make-directory.ts';
import { removeFile } from '../fs/write/remove-file.ts';
import { syncDirectory } from '../fs/write/sync-directory.ts';
import { isUnwritable, orAbsent, storeError } from './failures.ts';
import { ownedName, ownerOf } from './process-identity.ts';

/** Incremented whenever an older ctxsrc could misread the store. */
const STORE_VERSION = 1;

const MARKER = 'store.json';
const SUBDIRECTORIES = [
  'blobs',
  'blobs/sha256',
  'entries',
  'ingest',
  'leases',
  'locks',
  'records',
  'snapshots',
  'tmp',
  'workspaces',
];
/** The stat cache is written without the rest of the store: the key of a directory needs no store. */
const OWN_NAMES = new Set(['oci-layout', 'index.json', MARKER, 'stat-cache', ...SUBDIRECTORIES]);
const EMPTY_INDEX = `${JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
})}\n`;

/** The bytes of a file, whole or in pieces. */
type FileData = string | Uint8Array | readonly Uint8Array[];

/** Called after a step that changes the disk. A test of crash safety ends the process there. */
export type OnStep = (step: string) => void;

export class StoreDirectory {
  readonly root: string;
  /** Called after each step that changes the disk. */
  readonly step: OnStep;
  readonly #progress: Progress;
  #ready: Promise<void> | undefined;
  #noted = false;

  constructor(root: string, progress = silentProgress, step: OnStep = () => undefined) {
    this.root = root;
    this.step = step;
    this.#progress = progress;
  }

  /** True if this process has written, or is writing, to the store. */
  get isOpen(): boolean {
    return this.#ready !== undefined;
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /**
   * Inspects the directory without writing, by a few synchronous calls, as every run begins with it.
   * @returns a sentence about who else can change the store and so its cached facts; undefined if nobody can
   * @throws E_STORE_VERSION for a store of a newer ctxsrc; E_USAGE for a directory with other content; E_UNSAFE for one
   * that leads elsewhere by links, where files that are not the store's own would be removed
   */
  inspect(): string | undefined {
    let entries: Dirent[];
    let found: Stats;
    try {
      entries = readdirSync(this.root, { withFileTypes: true });
      found = statSync(this.root);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // An unreadable directory is no cache, which should not fail a command that needs none.
      if (code === 'ENOENT' || code === 'EACCES') return undefined;
      throw storeError(error, `cannot use ${this.root} as the cache directory`);
    }
    const names = entries.map(({ name }) => name);
    for (const entry of entries)
      if (entry.isSymbolicLink() && OWN_NAMES.has(entry.name)) refuseLink(this.path(entry.name));
    const version = this.#version();
    if (version !== undefined && version > STORE_VERSION) {
      throw new CtxsrcError(
        'E_STORE_VERSION',
        `the cache ${this.root} was written by a newer ctxsrc (version ${version}, this one knows ${STORE_VERSION})`,
        {
          hint: 'update ctxsrc, or choose another directory with --cache-dir',
        },
      );
    }
    // The version is asked for again: another process may just have made the store and filled it.
    if (version === undefined && !this.#isBegun(names) && this.#version() === undefined) {
      throw new CtxsrcError('E_USAGE', `${this.root} is not empty and is no cache of ctxsrc`, {
        hint: 'choose an empty or new directory with --cache-dir',
      });
    }
    return strangersAt(this.root, found);
  }

  /**
   * Creates or upgrades the store unless that was done.
   * @throws E_PERMISSION, E_DISK_FULL, E_IO
   */
  ensure(): Promise<void> {
    this.#ready ??= this.#create().catch((error: unknown) => {
      this.#ready = undefined;
      throw storeError(error, `cannot write the cache ${this.root}`);
    });
    return this.#ready;
  }

  /**
   * Writes what only saves work, which is not kept, and noted once, where nothing can be written.
   * @throws E_DISK_FULL, E_IO
   */
  async keep(write: () => Promise<void>): Promise<void> {
    try {
      await this.ensure();
      await write();
    } catch (error) {
      const failure = storeError(error, `cannot write the cache ${this.root}`);
      if (!isUnwritable(failure)) throw failure;
      const text = `nothing is kept: ${failure.message}`;
      if (!this.#noted) this.#progress.emit({ type: 'message', level: 'note', text });
      this.#noted = true;
    }
  }

  /** A new path for a temporary file or directory of this process, on the store's file system. */
  temporaryPath(): string {
    return this.path('tmp', ownedName());
  }

  /**
   * Writes a file atomically: readers see the old bytes or the new ones.
   * @param sync `file`: the content survives a power loss; `directory`: so does its name
   */
  async replaceFile(path: string, data: FileData, sync: 'no' | 'file' | 'directory' = 'no'): Promise<void> {
    await this.#publish(path, data, sync !== 'no', rename);
    if (sync === 'directory') await syncDirectory(dirname(path));
  }

  async #publish(path: string, data: FileData, sync: boolean, give: typeof linkNew): Promise<void> {
    const temporary = this.temporaryPath();
    try {
      await writeFile(temporary, data, { flag: 'wx', mode: 0o644, flush: sync });
      this.step('file:written');
      await give(temporary, path).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EISDIR') throw error;
        // A folder in the place of one of the store's files is damage.
        await (await import('../fs/write/remove-tree.ts')).removeTree(path);
        await give(temporary, path);
      });
      this.step('file:named');
    } catch (error) {
      await removeFile(temporary);
      throw error;
    }
  }

  /**
   * True for what a run leaves that ended while it made the store: own names, and no content. Anything else belongs to
   * somebody, even a `tmp` or a `blobs`, and a collection would empty it.
   */
  #isBegun(names: readonly string[]): boolean {
    const isEmpty = (folder: string): boolean =>
      namesIn(this.path(folder)).every((name) =>
        folder === 'blobs' ? name === 'sha256' : ownerOf(name) !== undefined,
      );
    const index = 'index.json';
    return (
      names.includes(MARKER) ||
      (names.every((name) => OWN_NAMES.has(name) || name === 'lost+found') &&
        SUBDIRECTORIES.every(isEmpty) &&
        (!names.includes(index) || readFileSync(this.path(index), 'utf8') === EMPTY_INDEX))
    );
  }

  #version(): number | undefined {
    let text: string;
    try {
      // A pipe in its place would be waited for.
      if (!lstatSync(this.path(MARKER)).isFile()) return undefined;
      text = readFileSync(this.path(MARKER), 'utf8');
    } catch {
      return undefined;
    }
    const version = /"version":\s*(\d{1,9})/.exec(text)?.[1];
    return version === undefined ? undefined : Number(version);
  }

  async #create(): Promise<void> {
    makeDirectory(this.root, 0o700);
    if (this.#version() === STORE_VERSION) {
      // A restored cache may lack empty directories, and after a power loss a small file that was not synced may be
      // empty.
      await this.#makeDirectories();
      await access(this.path('tmp'), constants.W_OK);
      await this.#makeLayout();
      return;
    }
    this.inspect();
    await this.#makeDirectories();
    // Every step is complete in itself, and the marker is written last: a process that finds no marker, after a crash
    // or beside another process, repeats the steps. A link never replaces an index that another process has filled.
    await this.#makeLayout();
    await this.#publish(this.path('index.json'), EMPTY_INDEX, false, linkNew);
    await this.#publish(this.path(MARKER), `{"schema":"ctxsrc/store","version":${STORE_VERSION}}\n`, false, rename);
  }

  async #makeLayout(): Promise<void> {
    const text = '{"imageLayoutVersion":"1.0.0"}\n';
    const found = await stat(this.path('oci-layout')).catch(() => undefined);
    if (found?.size !== text.length) await this.#publish(this.path('oci-layout'), text, false, rename);
  }

  async #makeDirectories(): Promise<void> {
    for (const name of SUBDIRECTORIES) {
      await mkdir(this.path(name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      this.step('store:directory');
    }
  }
}

function refuseLink(path: string): never {
  throw new CtxsrcError('E_UNSAFE', `${path} in the cache is a link`, {
    hint: 'remove it; to keep the cache elsewhere name that directory with --cache-dir or CTXSRC_CACHE_DIR',
  });
}

/** Root can change everything anyway; a directory that is writable for one of our groups is shared on purpose. */
function strangersAt(root: string, { uid, gid, mode }: Stats): string | undefined {
  const user = process.geteuid?.();
  if (user === undefined) return undefined;
  if ((mode & 0o002) !== 0) return `everybody may write to the cache ${root}, and so change what is found in it`;
  const isShared = (mode & 0o020) !== 0 && process.getgroups?.().includes(gid) === true;
  if (uid === user || uid === 0 || isShared) return undefined;
  return `the cache ${root} belongs to user ${uid}, who can change what is found in it`;
}

/** Gives the file a name that does not exist yet; does nothing if it exists. */
async function linkNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Without hard links, two processes that create the same store at once are not safe from each other.
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') {
      const there = await access(to).then(
        () => true,
        () => false,
      );
      if (!there) return rename(from, to);
    } else if (code !== 'EEXIST') {
      throw error;
    }
  }
  await removeFile(from);
}

/**
 * Names in a directory; none if it does not exist.
 * @throws E_UNSAFE for a link, errors of `node:fs`
 */
export function namesIn(path: string): string[] {
  try {
    if (lstatSync(path).isSymbolicLink()) refuseLink(path);
    return readdirSync(path);
  } catch (error) {
    return orAbsent(error) ?? [];
  }
}
