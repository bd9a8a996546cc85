/**
 * The bare repository in the store for a remote: only requested objects are fetched, one commit deep. If a subdirectory
 * is requested, a second repository is used, without the blobs that were not needed yet.
 */
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext, Store } from '../../contract/index.ts';
import { sha256, shortDigest } from '../../core/digest.ts';
import { CtxsrcError, isCtxsrcError, localError } from '../../core/errors.ts';
import { Task } from '../../core/progress.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { Git, type GitCall, type GitOutput, type GitReach } from './command.ts';
import { isObjectId, type ResolvedRef } from './key.ts';

const FETCH_FLAGS = [
  '--progress',
  '--no-tags',
  '--no-write-fetch-head',
  '--no-recurse-submodules',
  '--no-auto-maintenance',
];

/** One remote, as git uses it. */
export interface GitRemote {
  readonly git: Git;
  /** Without query, fragment and password. */
  readonly url: string;
  readonly reach: GitReach;
  /** Milliseconds of silence after which a call to it is ended. */
  readonly stallTimeout: number;
  /** Runs a call to the remote, with retries of transient failures. */
  readonly retrying: <T>(job: JobContext, work: () => Promise<T>) => Promise<T>;
  readonly offline: boolean;
}

export interface Commit {
  readonly id: string;
  /** Committer date, in seconds since the epoch. */
  readonly time: number;
}

/** An entry of a commit's tree. `path` and names are byte strings. */
export interface GitEntry {
  readonly path: string;
  readonly mode: string;
  readonly id: string;
  /** Size of a blob in bytes; 0 for submodules. */
  readonly size: number;
}

interface RepositoryKind {
  /** Without the blobs that were not needed yet. */
  readonly partial: boolean;
  /** Its objects are named by SHA-256. */
  readonly sha256: boolean;
}

export class Repository {
  readonly #job: JobContext;
  readonly #remote: GitRemote;
  readonly dir: string;
  readonly #partial: boolean;
  readonly release: () => Promise<void>;

  private constructor(job: JobContext, remote: GitRemote, dir: string, partial: boolean, release: () => Promise<void>) {
    this.#job = job;
    this.#remote = remote;
    this.dir = dir;
    this.#partial = partial;
    this.release = release;
  }

  /**
   * Opens the store's repository for the remote, which is made if it is missing or broken. Locked until `release`.
   * @param job the job of all its calls
   */
  static async open(job: JobContext, store: Store, remote: GitRemote, options: RepositoryKind): Promise<Repository> {
    const format = options.sha256 ? 'sha256' : 'sha1';
    const { path, release } = await store.workspace(job, 'git', workspaceKey(remote, options));
    const repository = new Repository(job, remote, path, options.partial, release);
    try {
      await repository.#prepare(format);
    } catch (error) {
      await release();
      throw error;
    }
    return repository;
  }

  /** The same as it lies there, without waiting for others: each call may fail, and nothing is fetched. */
  static async peek(
    job: JobContext,
    store: Store,
    url: string,
    options: RepositoryKind,
  ): Promise<Repository | undefined> {
    const path = await store.workspacePath('git', workspaceKey({ url }, options));
    if (!(await exists(path))) return undefined;
    const remote: GitRemote = {
      git: new Git(),
      url,
      reach: 'none',
      stallTimeout: 0,
      retrying: (_, work) => work(),
      offline: true,
    };
    return new Repository(job, remote, path, options.partial, async () => undefined);
  }

  async #prepare(format: string): Promise<void> {
    try {
      await this.#removeLeftovers();
    } catch (error) {
      throw localError(error, `cannot read ${this.dir}`);
    }
    if (await this.#looksWhole()) return;
    for (const name of await readdir(this.dir)) await rm(join(this.dir, name), { recursive: true, force: true });
    await this.local(['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, this.dir]);
  }

  /** Removes leftovers of a git that was killed or ran out of space: no other process uses the locked directory. */
  async #removeLeftovers(): Promise<void> {
    for (const name of await readdir(this.dir)) {
      if (name.endsWith('.lock')) await removeFile(join(this.dir, name));
    }
    const packs = join(this.dir, 'objects', 'pack');
    for (const name of await readdir(packs).catch(() => [])) {
      if (name.startsWith('tmp_')) await removeFile(join(packs, name));
    }
  }

  /** Checks the files that git itself requires. Damaged objects are found when they are read. */
  async #looksWhole(): Promise<boolean> {
    try {
      const [head, config] = await Promise.all(
        ['HEAD', 'config'].map((name) => readFile(join(this.dir, name), 'utf8')),
      );
      return (
        /^ref: refs\//.test(head ?? '') &&
        (config ?? '').includes('[core]') &&
        (await exists(join(this.dir, 'objects')))
      );
    } catch {
      return false;
    }
  }

  /** Runs a call that uses only this repository. `doing` is for messages. */
  local(args: readonly string[], call: Partial<GitCall> = {}, doing = 'read the repository of'): Promise<GitOutput> {
    const what = `${doing} ${this.#remote.url}`;
    return this.#remote.git.run(this.#job.signal, what, args, { gitDir: this.dir, ...call, reach: 'none' });
  }

  /** Fetches the object of the ref with its tree. Returns its commit. */
  async fetch(resolved: ResolvedRef): Promise<Commit> {
    await this.#fetchPin(resolved);
    const found = await this.find(resolved.pin);
    if (found !== undefined) return found;
    const message = `no branch or tag of ${this.#remote.url} contains the commit ${resolved.pin}`;
    throw new CtxsrcError('E_NOT_FOUND', message, {
      hint: 'a force push or the end of its branch may have taken it away: name a branch, a tag, or a commit of one',
    });
  }

  /** The commit with the ID, or the commit of the tag with the ID; undefined if it is missing. */
  async find(id: string): Promise<Commit | undefined> {
    const { exit, stdout } = await this.local(['log', '-1', '--format=%H %ct', id, '--'], { okExits: [128] });
    const match = /^([0-9a-f]+) (\d+)\n$/.exec(stdout.toString('latin1'));
    return exit !== 0 || match === null ? undefined : { id: match[1] as string, time: Number(match[2]) };
  }

  /**
   * Fetches by the object's ID, one commit deep. If the server only serves what its refs point to, the ref is fetched,
   * and if that has moved on, its whole history.
   */
  async #fetchPin(resolved: ResolvedRef): Promise<void> {
    const kept = `refs/ctxsrc/${resolved.pin}`;
    const onRef = !isObjectId(resolved.name);
    try {
      await this.#fetchRefs(['--depth=1'], [`+${resolved.pin}:${kept}`]);
      return;
    } catch (error) {
      // E_REGISTRY_PROTOCOL: the server does not serve objects by ID, or not a single commit (failure.ts).
      const refused = isCtxsrcError(error, 'E_REGISTRY_PROTOCOL') || (onRef && isCtxsrcError(error, 'E_NOT_FOUND'));
      if (!refused) throw error;
    }
    if (onRef) {
      try {
        await this.#fetchRefs(['--depth=1'], [`+${resolved.name}:${kept}`]);
        if ((await this.find(resolved.pin)) !== undefined) return;
      } catch (error) {
        if (!isCtxsrcError(error, 'E_REGISTRY_PROTOCOL')) throw error;
      }
    }
    const deepen = (await exists(join(this.dir, 'shallow'))) ? ['--unshallow'] : [];
    await this.#fetchRefs(deepen, ['+refs/*:refs/ctxsrc/all/*']);
  }

  async #fetchRefs(depth: readonly string[], refspecs: readonly string[]): Promise<void> {
    const filter = this.#partial ? ['--filter=blob:none'] : [];
    await this.#fetch([...depth, ...filter, '--', 'origin', ...refspecs]);
  }

  /**
   * Fetches the missing blobs of a partial repository for the files and directories at these paths of the commit, all
   * in one request. Paths that do not exist are ignored.
   */
  async fetchBlobs(commit: string, paths: readonly string[]): Promise<void> {
    if (!this.#partial) return;
    const args = ['rev-list', '--objects', '--no-walk', '--missing=print', commit, '--', ...paths];
    const { stdout } = await this.local(args);
    const missing = [...stdout.toString('latin1').matchAll(/^\?(.*\n)/gm)].map(([, id]) => id);
    if (missing.length === 0) return;
    await this.#fetch(['--filter=blob:none', '--stdin', 'origin'], missing.join(''));
  }

  async #fetch(args: readonly string[], stdin?: string): Promise<void> {
    const { git, url, reach, stallTimeout, offline } = this.#remote;
    if (offline && reach === 'network') {
      const message = `what is asked for of ${url} is not in the store, and --offline forbids to fetch it`;
      throw new CtxsrcError('E_OFFLINE', message, { hint: 'run the same command once without --offline' });
    }
    const configured = ['-c', `remote.origin.url=${url}`];
    if (stdin !== undefined) configured.push('-c', 'fetch.negotiationAlgorithm=noop');
    try {
      await Task.run(this.#job, 'download', shownReference(url), (task) =>
        this.#remote.retrying(this.#job, () =>
          git.run(this.#job.signal, `fetch ${url}`, [...configured, 'fetch', ...FETCH_FLAGS, ...args], {
            gitDir: this.dir,
            reach,
            stallTimeout: reach === 'network' ? stallTimeout : undefined,
            stdin,
            onReceived: ({ bytes, part }) => task.advance(bytes, { part }),
          }),
        ),
      );
    } catch (error) {
      // Leftovers are removed when the repository is next opened; the failure of the fetch is reported.
      await this.#removeLeftovers().catch(() => undefined);
      throw error;
    }
  }

  /**
   * All entries below a directory of the commit (or in the whole commit), including submodules, without trees.
   * @param paths only these; default: all
   */
  async list(treeish: string, paths: readonly string[] = []): Promise<readonly GitEntry[]> {
    const args = ['ls-tree', '-r', '-z', '--full-tree', '--long', treeish, '--', ...paths];
    const { stdout } = await this.local(args);
    const entries: GitEntry[] = [];
    for (const record of stdout.toString('latin1').split('\0')) {
      if (record === '') continue;
      const tab = record.indexOf('\t');
      const [mode = '', , id = '', size] = record.slice(0, tab).split(/ +/);
      entries.push({ path: record.slice(tab + 1), mode, id, size: size === '-' ? 0 : Number(size) });
    }
    return entries;
  }

  /** The entry at a path of the commit; undefined if there is none. */
  async entryAt(commit: string, path: string): Promise<GitEntry | undefined> {
    const { stdout } = await this.local(['ls-tree', '-z', '--full-tree', commit, '--', path]);
    const match = /^(\d+) \w+ ([0-9a-f]+)\t([^\0]*)\0$/.exec(stdout.toString('latin1'));
    if (match === null) return undefined;
    return { mode: match[1] as string, id: match[2] as string, path: match[3] as string, size: 0 };
  }
}

/**
 * Each kind of a remote's repository has its own. It is what people see: `cache du`, and who waits for another run. A
 * user of http may be a token.
 */
function workspaceKey({ url }: Pick<GitRemote, 'url'>, { partial, sha256: isSha256 }: RepositoryKind): string {
  const shown = shownReference(url);
  const user = shown === url ? '' : ` (${shortDigest(sha256(url))})`;
  return `${shown}${user}${partial ? ' (parts of it)' : ''}${isSha256 ? ' (sha256)' : ''}`;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
