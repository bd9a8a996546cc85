/**
 * Writes the files of one commit, or of one directory of it, into a directory of the caller's. git does the writing
 * (line ends and encodings follow `.gitattributes`); before it does, every path is checked here, so that nothing can be
 * written through a link or outside. Submodules are commits of other repositories, written in their place.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { JobContext, Store, WriteLimits } from '../../contract/index.ts';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { PathFilter } from '../../fs/write-filter.ts';
import type { ResolvedRef } from './key.ts';
import { type Remote, Repository, type TreeEntry } from './repository.ts';
import { readModules, submoduleUrl } from './submodules.ts';
import type { GitUrl } from './url.ts';

/** Mode of a submodule in a tree. */
const GITLINK = '160000';

/** How deep submodules may be nested. */
const MAX_NESTING = 10;

export interface CheckoutPlan {
  readonly store: Store;
  readonly limits: WriteLimits;
  readonly keepGitDir: boolean;
  readonly skipSubmodules: boolean;
  /** Chooses files by their path below the root of what is written. */
  readonly filter: PathFilter;
  /** Remote of a submodule's repository. */
  readonly remoteOf: (url: GitUrl) => Promise<Remote>;
}

export interface CheckoutTarget {
  readonly remote: Remote;
  readonly url: GitUrl;
  readonly resolved: ResolvedRef;
  /** Directory of the commit to write; empty: all of it. */
  readonly subdir: string;
}

/** Runs a checkout, and those of submodules, and counts against the limits over all of them. */
export class Checkout {
  readonly #plan: CheckoutPlan;
  #files = 0;
  #bytes = 0;

  constructor(plan: CheckoutPlan) {
    this.#plan = plan;
  }

  /**
   * Fetches what is missing and writes it into `dir`, which exists and is empty. Returns the time of the commit, in
   * seconds. Errors: E_PATH_NOT_FOUND (subdirectory), E_UNSAFE, E_LIMIT, and those of git (failure.ts).
   */
  async write(job: JobContext, target: CheckoutTarget, dir: string, prefix = '', nesting = 0): Promise<number> {
    const repository = await Repository.open(job, this.#plan.store, target.remote, {
      partial: target.subdir !== '',
      sha256: target.resolved.pin.length === 64,
    });
    let modules: readonly Submodule[];
    let time: number;
    try {
      const { id: commit, time: committed } = await repository.fetch(job, target.resolved);
      const entries = await this.#choose(job, repository, commit, target, prefix);
      await this.#writeFiles(
        job,
        repository,
        commit,
        target.subdir,
        entries.filter((entry) => entry.mode !== GITLINK),
        dir,
      );
      // `.git` belongs to a whole repository: BuildKit leaves it out of a subdirectory too.
      if (this.#plan.keepGitDir && target.subdir === '') await keepGitDir(job, repository, target, commit, dir);
      modules = this.#plan.skipSubmodules ? [] : await this.#findModules(job, repository, commit, target, entries);
      time = committed;
    } finally {
      // Before the submodules: they are held in turn, and one may be this very repository.
      await repository.release();
    }
    if (modules.length > 0 && nesting >= MAX_NESTING) {
      throw new CtxsrcError('E_LIMIT', `submodules are nested more than ${MAX_NESTING} deep`, {
        hint: 'leave them out with --skip-submodules',
      });
    }
    for (const module of modules) {
      makeDirectories(dir, module.path);
      await this.write(
        job,
        {
          remote: await this.#plan.remoteOf(module.url),
          url: module.url,
          resolved: { name: module.id, pin: module.id, keyed: module.id },
          subdir: '',
        },
        join(dir, module.path),
        `${prefix}${latin1(module.path)}/`,
        nesting + 1,
      );
      if (!this.#plan.filter.wants(prefix + latin1(module.path))) removeEmpty(dir, module.path);
    }
    return time;
  }

  /** The entries to write, checked, their blobs present. Their paths are those of the whole commit. */
  async #choose(
    job: JobContext,
    repository: Repository,
    commit: string,
    target: CheckoutTarget,
    prefix: string,
  ): Promise<readonly TreeEntry[]> {
    const { subdir } = target;
    const within = subdir === '' ? '' : `${latin1(subdir)}/`;
    let tree = commit;
    if (subdir !== '') {
      const entry = await repository.entryAt(job, commit, subdir);
      if (entry?.mode !== '040000') {
        throw new CtxsrcError(
          'E_PATH_NOT_FOUND',
          `${printable(subdir)} is ${entry === undefined ? 'not in' : 'no directory of'} ${target.remote.url} at ${commit.slice(0, 12)}`,
          { hint: 'the part after the colon of #REF:SUBDIR is a directory of the repository' },
        );
      }
      tree = entry.id;
      await repository.fetchBlobs(job, commit, [subdir, '.gitmodules', ...attributeFiles(subdir)]);
    }
    const listed = await repository.list(job, tree, true);
    checkPaths(listed);
    const { filter } = this.#plan;
    const chosen = listed.filter(({ mode, path }) =>
      mode === GITLINK ? filter.mayWantBelow(prefix + path) : filter.wants(prefix + path),
    );
    this.#count(chosen);
    return chosen.map((entry) => ({ ...entry, path: within + entry.path }));
  }

  #count(entries: readonly TreeEntry[]): void {
    const { maxBytes, maxFiles } = this.#plan.limits;
    this.#files += entries.length;
    for (const entry of entries) this.#bytes += entry.size;
    if (this.#files > maxFiles) {
      throw new CtxsrcError('E_LIMIT', `the repository has more than ${maxFiles} files`, {
        hint: 'allow more with --max-files',
      });
    }
    if (this.#bytes > maxBytes) {
      throw new CtxsrcError('E_LIMIT', `the files of the repository are larger than ${maxBytes} bytes`, {
        hint: 'allow more with --max-bytes',
      });
    }
  }

  async #writeFiles(
    job: JobContext,
    repository: Repository,
    commit: string,
    subdir: string,
    files: readonly TreeEntry[],
    dir: string,
  ): Promise<void> {
    if (files.length === 0) return;
    const scratch = await this.#plan.store.tempDir();
    // A directory of the commit is written with its parents, which are taken away below: attributes of the parents apply.
    const workTree = subdir === '' ? dir : join(dir, `.ctxsrc-${randomBytes(8).toString('hex')}`);
    try {
      if (workTree !== dir) mkdirSync(workTree);
      const call = { indexFile: join(scratch, 'index'), workTree };
      await repository.local(job, ['read-tree', commit], call);
      const paths = Buffer.from(files.map((entry) => `${entry.path}\0`).join(''), 'latin1');
      await repository.local(job, ['checkout-index', '-z', '--stdin'], { ...call, stdin: paths });
      if (workTree !== dir) {
        for (const name of readdirSync(join(workTree, subdir), { encoding: 'buffer' })) {
          renameSync(joinBytes(join(workTree, subdir), name), joinBytes(dir, name));
        }
      }
    } catch (error) {
      throw ioError(error, `cannot write the files of ${commit.slice(0, 12)}`);
    } finally {
      if (workTree !== dir) rmSync(workTree, { recursive: true, force: true });
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  async #findModules(
    job: JobContext,
    repository: Repository,
    commit: string,
    target: CheckoutTarget,
    entries: readonly TreeEntry[],
  ): Promise<readonly Submodule[]> {
    const links = entries.filter((entry) => entry.mode === GITLINK);
    if (links.length === 0) return [];
    const urls = await readModules(job, repository, commit);
    return links.map((link) => {
      const path = Buffer.from(link.path, 'latin1').toString();
      if (latin1(path) !== link.path) throw unsafe(link.path, 'is a submodule whose name is not UTF-8');
      return {
        path: target.subdir === '' ? path : path.slice(target.subdir.length + 1),
        url: submoduleUrl(link.path, urls.get(link.path), target.url),
        id: link.id,
      };
    });
  }
}

interface Submodule {
  /** Below the directory that is written. */
  readonly path: string;
  readonly url: GitUrl;
  readonly id: string;
}

/** The `.gitattributes` of the directories above, which decide on line ends and encodings of what is below. */
function attributeFiles(subdir: string): string[] {
  const parts = subdir.split('/');
  return parts.map((_, depth) => [...parts.slice(0, depth), '.gitattributes'].join('/'));
}

/**
 * No path may leave the directory, reach into `.git`, or lead through something that is no directory. git refuses such
 * trees too; here the error has a name, whatever version of git there is.
 */
function checkPaths(entries: readonly TreeEntry[]): void {
  const leaves = new Set<string>();
  for (const { path, mode } of entries) {
    if (!/^(?:100644|100755|100664|120000|160000)$/.test(mode)) throw unsafe(path, `has the unknown mode ${mode}`);
    if (leaves.has(path)) throw unsafe(path, 'is there twice');
    leaves.add(path);
  }
  for (const { path } of entries) {
    const parts = path.split('/');
    for (const part of parts) {
      if (/^(?:|\.|\.\.|\.git|git~1)$/i.test(part)) throw unsafe(path, 'has a name that a checkout must not write');
    }
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      if (leaves.has(path.slice(0, end))) throw unsafe(path, 'leads through something that is no directory');
    }
  }
}

function unsafe(path: string, problem: string): CtxsrcError {
  return new CtxsrcError('E_UNSAFE', `the path ${printable(path)} of the repository ${problem}`);
}

/** The directories of a path, made one by one; one that is something else already is not followed. */
function makeDirectories(dir: string, path: string): void {
  let current = dir;
  for (const part of path.split('/')) {
    current = join(current, part);
    const stats = lstatSync(current, { throwIfNoEntry: false });
    if (stats === undefined) mkdirSync(current);
    else if (!stats.isDirectory()) throw unsafe(path, 'leads through something that is no directory');
  }
}

/** Takes away the directories of a path that nothing was written into, deepest first. */
function removeEmpty(dir: string, path: string): void {
  for (let current = path; current !== '.'; current = posix.dirname(current)) {
    if (readdirSync(join(dir, current)).length > 0) return;
    rmdirSync(join(dir, current));
  }
}

/** Makes `dir/.git` a repository of its own that holds the commit, and the ref that was asked for. */
async function keepGitDir(
  job: JobContext,
  repository: Repository,
  target: CheckoutTarget,
  commit: string,
  dir: string,
): Promise<void> {
  const gitDir = join(dir, '.git');
  const { resolved, remote } = target;
  const format = resolved.pin.length === 64 ? 'sha256' : 'sha1';
  const run = (args: readonly string[], reach: 'none' | 'file' = 'none'): Promise<unknown> =>
    remote.git.run(job.signal, `keep the git directory of ${remote.url}`, args, { gitDir, workTree: dir, reach });
  await run(['init', '--quiet', '--template=', `--object-format=${format}`, dir]);
  // Through the file transport, not by linking: what was fetched for one checkout cannot change under another.
  const kept = resolved.name.startsWith('refs/') ? resolved.name : 'refs/ctxsrc/head';
  const from = pathToFileURL(repository.dir).href;
  await run(
    [
      '-c',
      `remote.origin.url=${from}`,
      'fetch',
      '--quiet',
      '--depth=1',
      '--no-tags',
      '--no-write-fetch-head',
      '--update-head-ok',
      '--',
      'origin',
      `+${resolved.pin}:${kept}`,
    ],
    'file',
  );
  await run(['update-ref', '--no-deref', 'HEAD', commit]);
  if (kept === 'refs/ctxsrc/head') await run(['update-ref', '-d', kept]);
  await run(['config', 'remote.origin.url', remote.url]);
  await run(['config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*']);
  // The index describes the files as they are now, so that `git status` is clean.
  await run(['read-tree', commit]);
  await run(['update-index', '-q', '--refresh']).catch((error: unknown) => {
    // Exit 1: files differ, as filtered ones do.
    if (!(error instanceof CtxsrcError)) throw error;
  });
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function joinBytes(parent: string | Buffer, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(parent), Buffer.from('/'), name]);
}
