/**
 * Writes the files of one commit, or of one of its directories, into a directory of the caller. git writes them (line
 * ends and encodings follow `.gitattributes`); before that, every path is checked here, so that nothing can be written
 * through a link or outside. Submodules are commits of other repositories, written in their place.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { JobContext, SharedCache, Store, WriteLimits } from '../../contract/index.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import { bytesOfText, isUtf8, textOfBytes } from '../../fs/byte-string.ts';
import type { PathFilter } from '../../fs/match/path-filter.ts';
import { keepGitDir } from './kept-git-dir.ts';
import type { ResolvedRef } from './key.ts';
import { isLfsPointer } from './lfs.ts';
import { openCommit } from './open-commit.ts';
import { attributeFiles, checkPaths, joinBytes, makeDirectories, noDirectory, removeEmpty, unsafe } from './paths.ts';
import type { GitEntry, GitRemote, Repository } from './repository.ts';
import { GITLINK, inLeftOut, inSubmodule, readModules, submoduleUrl } from './submodules.ts';
import type { GitUrl } from './url.ts';

/** Mode of a symbolic link in a tree. */
const LINK = '120000';

/** Maximum depth of nested submodules. */
const MAX_NESTING = 10;

export interface CheckoutPlan {
  readonly store: Store;
  readonly cache: SharedCache | undefined;
  readonly limits: WriteLimits;
  readonly keepGitDir: boolean;
  readonly skipSubmodules: boolean;
  /** Selects files by their path below the written root. */
  readonly filter: PathFilter;
  /** The remote of a submodule's repository. */
  readonly remoteOf: (url: GitUrl) => Promise<GitRemote>;
}

export interface CheckoutTarget {
  readonly remote: GitRemote;
  readonly url: GitUrl;
  readonly resolved: ResolvedRef;
  /** Directory of the commit to write; empty: the whole commit. */
  readonly subdir: string;
  /** True for a part of the referenced repository, which gets no `.git`. */
  readonly part: boolean;
}

/** Files written by one call of git: progress is reported between two calls. */
const BATCH = 5000;

/** A commit that is being written. */
interface Opened extends CheckoutTarget {
  readonly repository: Repository;
  /** ID of the commit. */
  readonly commit: string;
  readonly dir: string;
  /** Path of `dir` below the written root: empty, or with a slash at its end. */
  readonly prefix: string;
}

/** Runs a checkout and those of its submodules, with limits on all of them together. */
export class Checkout {
  readonly #job: JobContext;
  readonly #plan: CheckoutPlan;
  readonly #onFiles: (written: number, total: number) => void;
  readonly #pointers: string[] = [];
  #files = 0;
  #bytes = 0;
  #written = 0;

  /** @param onFiles called before files are written, with the number of files so far */
  constructor(job: JobContext, plan: CheckoutPlan, onFiles: (written: number, total: number) => void) {
    this.#job = job;
    this.#plan = plan;
    this.#onFiles = onFiles;
  }

  /** Git LFS pointers, by their paths below the written root: their content is stored elsewhere. */
  get lfsPointers(): readonly string[] {
    return this.#pointers;
  }

  /**
   * Fetches missing objects and writes the files into `dir`, an empty directory. Returns the time of the commit in
   * seconds. Errors: E_PATH_NOT_FOUND (subdirectory), E_UNSAFE, E_LIMIT, and those of git (failure.ts).
   */
  async write(target: CheckoutTarget, dir: string, prefix = '', nesting = 0): Promise<number> {
    const { repository, commit: found } = await openCommit(this.#job, this.#plan, target);
    const { id: commit, time } = found;
    let modules: readonly Submodule[];
    try {
      const opened = { ...target, repository, commit, dir, prefix };
      const entrance = await this.#submoduleOnTheWay(opened);
      modules = entrance === undefined ? await this.#writeCommit(opened) : [entrance];
    } finally {
      // Released before the submodules: their repositories are locked in turn, and one may be this repository.
      await repository.release();
    }
    for (const module of modules) await this.#writeModule(module, dir, prefix, nesting);
    return time;
  }

  /** Writes the files of the commit, and returns its submodules. */
  async #writeCommit(opened: Opened): Promise<readonly Submodule[]> {
    const { subdir, dir, prefix } = opened;
    const entries = await this.#choose(opened);
    const files = entries.filter((entry) => entry.mode !== GITLINK);
    const links = entries.filter((entry) => entry.mode === GITLINK);
    await this.#writeFiles(opened, files);
    const within = subdir === '' ? 0 : bytesOfText(subdir).length + 1;
    for (const { path, mode, size } of files) {
      if (mode === LINK) continue;
      const place = path.slice(within);
      if (isLfsPointer(joinBytes(dir, Buffer.from(place, 'latin1')), size)) this.#pointers.push(prefix + place);
    }
    // Only a whole repository gets `.git`: BuildKit omits it for a subdirectory, too.
    if (this.#plan.keepGitDir && !opened.part) await keepGitDir(this.#job, opened);
    return this.#findModules(opened, links);
  }

  /** Writes a submodule in its place; one that is left out becomes an empty directory, as in git. */
  async #writeModule(module: Submodule, dir: string, prefix: string, nesting: number): Promise<void> {
    const { path, url, id, subdir } = module;
    const below = path === '' ? prefix : `${prefix}${bytesOfText(path)}/`;
    if (path !== '') makeDirectories(dir, path);
    if (url !== undefined) {
      if (nesting >= MAX_NESTING) {
        throw new CtxsrcError('E_LIMIT', `submodules are nested more than ${MAX_NESTING} deep`, {
          hint: 'leave them out with --skip-submodules',
        });
      }
      const resolved = { name: id, pin: id, keyed: id };
      try {
        const remote = await this.#plan.remoteOf(url);
        await this.write({ remote, url, resolved, subdir, part: path === '' }, join(dir, path), below, nesting + 1);
      } catch (error) {
        throw inSubmodule(error, module.name);
      }
    }
    if (path !== '' && !this.#plan.filter.wants(prefix + bytesOfText(path))) removeEmpty(dir, path);
  }

  /** The entries to write, checked, with their blobs present. Their paths are relative to the commit. */
  async #choose({ repository, commit, subdir, prefix, remote }: Opened): Promise<readonly GitEntry[]> {
    const within = subdir === '' ? '' : `${bytesOfText(subdir)}/`;
    let tree = commit;
    if (subdir !== '') {
      const entry = await repository.entryAt(commit, subdir);
      if (entry?.mode !== '040000') throw noDirectory(subdir, remote.url, commit, entry !== undefined);
      tree = entry.id;
      await repository.fetchBlobs(commit, [subdir, '.gitmodules', ...attributeFiles(subdir)]);
    }
    const listed = await repository.list(tree);
    checkPaths(listed);
    const { filter } = this.#plan;
    const chosen = listed.filter(({ mode, path }) =>
      mode === GITLINK ? filter.mayWantBelow(prefix + path) : filter.wants(prefix + path),
    );
    this.#count(chosen);
    return chosen.map((entry) => ({ ...entry, path: within + entry.path }));
  }

  #count(entries: readonly GitEntry[]): void {
    const { maxBytes, maxFiles } = this.#plan.limits;
    this.#files += entries.length;
    for (const entry of entries) this.#bytes += entry.size;
    const refuse = (message: string, flag: string): never => {
      throw new CtxsrcError('E_LIMIT', message, { hint: `allow more with ${flag}` });
    };
    if (this.#files > maxFiles) refuse(`the repository has more than ${maxFiles} files`, '--max-files');
    if (this.#bytes > maxBytes) refuse(`the files of the repository are larger than ${maxBytes} bytes`, '--max-bytes');
  }

  async #writeFiles({ repository, commit, subdir, dir }: Opened, files: readonly GitEntry[]): Promise<void> {
    if (files.length === 0) return;
    this.#onFiles(this.#written, this.#files);
    const scratch = await this.#plan.store.tempDir();
    // A directory of the commit is written with its parents, whose attributes apply; the parents are removed below.
    const workTree = subdir === '' ? dir : join(dir, `.ctxsrc-${randomBytes(8).toString('hex')}`);
    try {
      if (workTree !== dir) mkdirSync(workTree);
      const call = { indexFile: join(scratch, 'index'), workTree };
      await repository.local(['read-tree', commit], call);
      for (let from = 0; from < files.length; from += BATCH) {
        const batch = files.slice(from, from + BATCH);
        const stdin = Buffer.from(batch.map((entry) => `${entry.path}\0`).join(''), 'latin1');
        await repository.local(['checkout-index', '-z', '--stdin'], { ...call, stdin }, 'write the files of');
        this.#written += batch.length;
        this.#onFiles(this.#written, this.#files);
      }
      if (workTree !== dir) {
        for (const name of readdirSync(join(workTree, subdir), { encoding: 'buffer' })) {
          renameSync(joinBytes(join(workTree, subdir), name), joinBytes(dir, name));
        }
      }
    } catch (error) {
      throw localError(error, `cannot write the files of ${commit.slice(0, 12)}`);
    } finally {
      if (workTree !== dir) rmSync(workTree, { recursive: true, force: true });
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  async #findModules(
    { repository, commit, subdir, url: parent }: Opened,
    links: readonly GitEntry[],
  ): Promise<readonly Submodule[]> {
    if (links.length === 0) return [];
    const modules = this.#plan.skipSubmodules ? undefined : await readModules(repository, commit);
    return links.map((link) => {
      const path = textOfBytes(link.path);
      if (!isUtf8(link.path)) throw unsafe(link.path, 'is a submodule whose name is not UTF-8');
      const module = modules?.get(link.path);
      const left = modules === undefined || module?.update === 'none';
      if (left && modules !== undefined) {
        const text = `the submodule ${shortened(path)} is left out, as .gitmodules says (update = none)`;
        this.#job.progress.emit({ type: 'message', level: 'note', text });
      }
      return {
        name: path,
        path: subdir === '' ? path : path.slice(subdir.length + 1),
        url: left ? undefined : submoduleUrl(link.path, module?.url, parent),
        id: link.id,
        subdir: '',
      };
    });
  }

  /**
   * The submodule that contains the subdirectory, or is the subdirectory, to be written instead of the commit;
   * undefined if there is none.
   */
  async #submoduleOnTheWay(opened: Opened): Promise<Submodule | undefined> {
    const { repository, commit, subdir } = opened;
    if (subdir === '' || (await repository.entryAt(commit, subdir))?.mode === '040000') return undefined;
    const parts = subdir.split('/');
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const link = await repository.entryAt(commit, parts.slice(0, depth).join('/'));
      if (link === undefined) return undefined;
      if (link.mode !== GITLINK) continue;
      await repository.fetchBlobs(commit, ['.gitmodules']);
      const [module] = await this.#findModules({ ...opened, subdir: '' }, [link]);
      const rest = parts.slice(depth).join('/');
      if (module?.url === undefined && rest !== '') {
        throw inLeftOut(subdir, parts.slice(0, depth).join('/'), this.#plan.skipSubmodules);
      }
      return { ...(module as Submodule), path: '', subdir: rest };
    }
    return undefined;
  }
}

interface Submodule {
  /** Its path in the commit, for people. */
  readonly name: string;
  /** Its path below the written directory; empty if the submodule itself is written. */
  readonly path: string;
  /** Undefined if it is left out. */
  readonly url: GitUrl | undefined;
  readonly id: string;
  /** Directory of the submodule to write; empty: the whole submodule. */
  readonly subdir: string;
}
