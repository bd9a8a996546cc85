/**
 * Git repositories, read by the system's git. A key needs `git ls-remote` at most (nothing for a full commit ID); a
 * snapshot fetches one commit, or only the objects of a subdirectory.
 */

import type {
  CacheKeyResult,
  Description,
  Digests,
  ImmutableRef,
  JobContext,
  Source,
  SourceEnv,
  SourceInstance,
  WriteOptions,
  WriteReport,
} from '../../contract/index.ts';
import { NO_CACHE_OPTS } from '../../contract/index.ts';
import { sha256 } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { Once } from '../../core/once.ts';
import { shortened } from '../../core/printable.ts';
import { failureOf, Task } from '../../core/progress.ts';
import { shellWord } from '../../core/shell-word.ts';
import { textOfBytes } from '../../fs/byte-string.ts';
import { PathFilter } from '../../fs/match/path-filter.ts';
import { settleTree } from '../../fs/write/normalise-tree.ts';
import { ownIdentifier } from '../own-identifier.ts';
import { gitFor, reachOf } from './access.ts';
import { Checkout } from './checkout.ts';
import { GIT_ATTRIBUTES, type GitIdentifier, identify } from './identifier.ts';
import { chooseRef, defaultBranch, gitKey, parseLsRemote, type ResolvedRef, resolveLocally } from './key.ts';
import type { GitRemote } from './repository.ts';
import { retrying } from './retry.ts';
import { checkSubmoduleHost } from './submodule-host.ts';
import { cleanSubdir, type GitUrl, originOf } from './url.ts';

class GitInstance implements SourceInstance {
  readonly #id: GitIdentifier;
  readonly #env: SourceEnv;
  readonly #resolved = new Once<ResolvedRef>();

  constructor(id: GitIdentifier, env: SourceEnv) {
    this.#id = id;
    this.#env = env;
  }

  async cacheKey(job: JobContext, _index: number): Promise<CacheKeyResult> {
    const resolved = await this.#resolve(job);
    return { key: gitKey(resolved, this.#id.selection), pin: resolved.pin, done: true, opts: NO_CACHE_OPTS };
  }

  async digests(job: JobContext): Promise<Digests> {
    const { pin } = await this.#resolve(job);
    return { digest: pin, pinned: this.#id.withRef(pin) };
  }

  async describe(job: JobContext): Promise<Description> {
    const resolved = await this.#resolve(job);
    const { remote, subdir } = this.#id.reference;
    return {
      identifier: String(this.#id),
      remote,
      ref: resolved.name,
      digest: resolved.pin,
      ...(resolved.keyed === resolved.pin ? {} : { commit: resolved.keyed }),
      ...(subdir === '' ? {} : { subdir }),
      pinned: this.#id.withRef(resolved.pin),
    };
  }

  /** Branches and tags of the remote, short. */
  async candidates(job: JobContext): Promise<readonly string[]> {
    const output = await this.#lsRemote(job, ['--heads', '--tags'], []);
    const names = [...parseLsRemote(output).keys()].filter((name) => !name.endsWith('^{}'));
    return names.map((name) => name.replace(/^refs\/(?:heads|tags)\//, ''));
  }

  async snapshot(job: JobContext): Promise<ImmutableRef> {
    const resolved = await this.#resolve(job);
    const { selection, reference } = this.#id;
    const key = gitKey(resolved, selection);
    // `.git` contains the remote; all other files depend only on the key.
    const id = sha256(`git\n${key}\n${selection.keepGitDir ? reference.remote : ''}`);
    return this.#env.store.ref({ id, produce: (task, dir, options) => this.#produce(task, resolved, dir, options) });
  }

  async #produce(job: JobContext, resolved: ResolvedRef, dir: string, options: WriteOptions): Promise<WriteReport> {
    const { selection, reference } = this.#id;
    const filter = new PathFilter(options.filter);
    let task: Task | undefined;
    try {
      const checkout = new Checkout(
        job,
        {
          store: this.#env.store,
          limits: options.limits,
          keepGitDir: selection.keepGitDir,
          skipSubmodules: selection.skipSubmodules,
          filter,
          remoteOf: async (url) => {
            const { network, offline = false } = this.#env;
            const resolve = await checkSubmoduleHost(url, reference.url, { network, offline, signal: job.signal });
            return this.#remote(job, url, resolve);
          },
        },
        (written, total) => {
          task ??= new Task(job.progress, 'unpack', String(this.#id), { total, unit: 'files' });
          task.advance(written, { total });
        },
      );
      const remote = await this.#remote(job, reference.url);
      // A subpath becomes a deeper subdirectory, so that nothing beside it is fetched.
      const subdir = cleanSubdir(`${reference.subdir}/${textOfBytes(filter.subpath)}`);
      const part = subdir !== '';
      const time = await checkout.write({ remote, url: reference.url, resolved, subdir, part }, dir);
      noteLfsPointers(job, checkout.lfsPointers);
      const report = await settleTree(dir, {
        signal: job.signal,
        // git stores only whether a file is executable; its other bits depend on the umask.
        modeOf: (type, mode) => (type === 'dir' || (mode & 0o100) !== 0 ? 0o755 : 0o644),
        mtime: selection.mtime === 'commit' ? time : undefined,
        epoch: options.epoch,
      });
      task?.end();
      return report;
    } catch (error) {
      task?.end(failureOf(job.signal, error));
      throw error;
    }
  }

  #resolve(job: JobContext): Promise<ResolvedRef> {
    return this.#resolved.runFor(job.signal, async () => {
      const { selection } = this.#id;
      const known = resolveLocally(selection);
      if (known !== undefined) return known;
      const { ref } = selection;
      if (ref !== '')
        return chooseRef(parseLsRemote(await this.#lsRemote(job, [], [ref, `${ref}^{}`])), ref, selection);
      // One response contains both HEAD and its branch, so that they cannot disagree.
      const head = await this.#lsRemote(job, ['--symref'], ['HEAD']);
      const branch = defaultBranch(head);
      return chooseRef(new Map([[branch, parseLsRemote(head).get('HEAD') ?? '']]), branch, selection);
    });
  }

  async #lsRemote(job: JobContext, flags: readonly string[], patterns: readonly string[]): Promise<string> {
    const { url } = this.#id.reference;
    const remote = await this.#remote(job, url);
    if (this.#env.offline && remote.reach === 'network') {
      const message = `${this.#id} names something that moves, and --offline forbids to ask what it is now`;
      throw new CtxsrcError('E_OFFLINE', message, {
        hint: `name a whole commit ID: ${shellWord(`${remote.url}#COMMIT`)}`,
      });
    }
    const args = ['-c', `remote.origin.url=${remote.url}`, 'ls-remote', ...flags, '--', 'origin', ...patterns];
    const { stdout } = await remote.retrying(job, () =>
      remote.git.run(job.signal, `list the refs of ${remote.url}`, args, {
        reach: remote.reach,
        stallTimeout: remote.reach === 'network' ? remote.stallTimeout : undefined,
      }),
    );
    return stdout.toString();
  }

  async #remote(job: JobContext, url: GitUrl, resolve?: readonly string[]): Promise<GitRemote> {
    const { network, offline } = this.#env;
    const options = {
      own: originOf(url) === originOf(this.#id.reference.url),
      authTokenFile: this.#id.attributes['auth-token-file'] as string | undefined,
      knownHosts: this.#id.attributes['known-hosts'] as string | undefined,
      resolve,
    };
    return {
      git: await gitFor(url, options, job.session, network),
      url: url.remote,
      reach: reachOf(url),
      stallTimeout: network.stallTimeout,
      retrying: (task, work) => retrying(task, network, work),
      offline,
    };
  }
}

/** BuildKit writes pointers, too; an image built from them lacks the content without any message. */
function noteLfsPointers(job: JobContext, pointers: readonly string[]): void {
  if (pointers.length === 0) return;
  const [first = ''] = pointers;
  const others = pointers.length === 1 ? '' : ` and ${pointers.length - 1} more`;
  job.progress.emit({
    type: 'message',
    level: 'note',
    text: `${shortened(textOfBytes(first))}${others}: a Git LFS pointer, not the content that it stands for`,
    hint: 'a build would see the pointers, too: check out with git lfs, and use that directory',
  });
}

export const source: Source = {
  schemes: ['git'],
  grammar: [
    {
      scheme: 'git',
      form: 'https://HOST/REPO.git[#REF[:SUBDIR]], git://…, ssh://…, user@HOST:REPO',
      example: 'https://github.com/moby/buildkit.git#v0.13.0:docs',
      summary: 'a git repository at a branch, tag or commit',
    },
  ],
  attributes: GIT_ATTRIBUTES,
  identify,
  resolve: (id, env) => new GitInstance(ownIdentifier<GitIdentifier>(source, id, 'withRef'), env),
};
