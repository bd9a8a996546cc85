/**
 * Git repositories, read by the system's git. A key needs `git ls-remote` at most (nothing for a full commit ID); a
 * snapshot fetches one commit, or only the objects of a subdirectory.
 */

import type { JobContext, Source, SourceEnv, SourceInstance, WriteOptions, WriteReport } from '../../contract/index.ts';
import { NO_CACHE_OPTS } from '../../contract/index.ts';
import { sha256 } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { Once } from '../../core/once.ts';
import { shortened } from '../../core/printable.ts';
import { failureOf, Task } from '../../core/progress.ts';
import { shellWord } from '../../core/shell-word.ts';
import { shownReference } from '../../core/shown-reference.ts';
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

function gitInstance(id: GitIdentifier, env: SourceEnv): SourceInstance {
  const answer = new Once<ResolvedRef>();

  async function produce(
    job: JobContext,
    resolved: ResolvedRef,
    dir: string,
    options: WriteOptions,
  ): Promise<WriteReport> {
    const { selection, reference } = id;
    const filter = new PathFilter(options.filter);
    let task: Task | undefined;
    try {
      const checkout = new Checkout(
        job,
        {
          store: env.store,
          cache: env.sharedCache,
          limits: options.limits,
          keepGitDir: selection.keepGitDir,
          skipSubmodules: selection.skipSubmodules,
          filter,
          remoteOf: async (url) => {
            const { network, offline = false } = env;
            const resolve = await checkSubmoduleHost(url, reference.url, { network, offline, signal: job.signal });
            return remoteOf(job, url, resolve);
          },
        },
        (written, total) => {
          task ??= new Task(job.progress, 'unpack', shownReference(String(id)), { total, unit: 'files' });
          task.advance(written, { total });
        },
      );
      const remote = await remoteOf(job, reference.url);
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

  function resolve(job: JobContext): Promise<ResolvedRef> {
    return answer.runFor(job.signal, async () => {
      const { selection } = id;
      const known = resolveLocally(selection);
      if (known !== undefined) return known;
      const { ref } = selection;
      if (ref !== '') return chooseRef(parseLsRemote(await lsRemote(job, [], [ref, `${ref}^{}`])), ref, selection);
      // One response contains both HEAD and its branch, so that they cannot disagree.
      const head = await lsRemote(job, ['--symref'], ['HEAD']);
      const branch = defaultBranch(head);
      return chooseRef(new Map([[branch, parseLsRemote(head).get('HEAD') ?? '']]), branch, selection);
    });
  }

  async function lsRemote(job: JobContext, flags: readonly string[], patterns: readonly string[]): Promise<string> {
    const { url } = id.reference;
    const remote = await remoteOf(job, url);
    if (env.offline && remote.reach === 'network') {
      const message = `${id} names something that moves, and --offline forbids to ask what it is now`;
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

  async function remoteOf(job: JobContext, url: GitUrl, resolve?: readonly string[]): Promise<GitRemote> {
    const { network, offline } = env;
    const options = {
      own: originOf(url) === originOf(id.reference.url),
      authTokenFile: id.attributes['auth-token-file'] as string | undefined,
      knownHosts: id.attributes['known-hosts'] as string | undefined,
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

  return {
    // git knows no owners.
    owner: { uid: 0, gid: 0 },

    async cacheKey(job) {
      const resolved = await resolve(job);
      return { key: gitKey(resolved, id.selection), pin: resolved.pin, done: true, opts: NO_CACHE_OPTS };
    },

    async digests(job) {
      const { pin } = await resolve(job);
      return { digest: pin, pinned: id.withRef(pin) };
    },

    async describe(job, { detailed = false } = {}) {
      const resolved = await resolve(job);
      const { remote, subdir, url } = id.reference;
      const facts = detailed && (await import('./commit-facts.ts'));
      return {
        identifier: String(id),
        remote,
        ref: resolved.name,
        digest: resolved.pin,
        ...(resolved.keyed === resolved.pin ? {} : { commit: resolved.keyed }),
        ...(subdir === '' ? {} : { subdir }),
        pinned: id.withRef(resolved.pin),
        ...(facts && (await facts.commitFacts(job, env.store, url.remote, resolved.pin))),
      };
    },

    /** Branches and tags of the remote, short. */
    async candidates(job) {
      const output = await lsRemote(job, ['--heads', '--tags'], []);
      const names = [...parseLsRemote(output).keys()].filter((name) => !name.endsWith('^{}'));
      return names.map((name) => name.replace(/^refs\/(?:heads|tags)\//, ''));
    },

    async snapshot(job) {
      const resolved = await resolve(job);
      const { selection, reference } = id;
      const key = gitKey(resolved, selection);
      // `.git` contains the remote; all other files depend only on the key.
      return env.store.ref({
        id: sha256(`git\n${key}\n${selection.keepGitDir ? reference.remote : ''}`),
        produce: (task, dir, options) => produce(task, resolved, dir, options),
      });
    },
  };
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
  shares: true,
  identify,
  resolve: (id, env) => gitInstance(ownIdentifier<GitIdentifier>(source, id, 'withRef'), env),
};
