/**
 * Git repositories, read by the system's git. A key needs `git ls-remote` at most (nothing for a full commit ID); a
 * snapshot fetches one commit, or only the objects of a subdirectory.
 */

import type {
  AttributeSpec,
  Attributes,
  CacheKeyResult,
  Description,
  Digests,
  Identifier,
  ImmutableRef,
  JobContext,
  SchemeRef,
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
import { gitFor, reachOf } from './access.ts';
import { Checkout } from './checkout.ts';
import {
  chooseRef,
  defaultBranch,
  type GitSelection,
  gitKey,
  isObjectId,
  parseLsRemote,
  type ResolvedRef,
  resolveLocally,
} from './key.ts';
import { isGitReference } from './reference-form.ts';
import type { GitRemote } from './repository.ts';
import { retrying } from './retry.ts';
import { checkSubmoduleHost } from './submodule-host.ts';
import { cleanSubdir, type GitReference, type GitUrl, originOf, parseGitReference } from './url.ts';

const ATTRIBUTES: readonly AttributeSpec[] = [
  { name: 'keep-git-dir', kind: 'flag', help: 'keep the .git directory; part of the key' },
  { name: 'skip-submodules', kind: 'flag', help: 'leave submodules out; part of the key' },
  {
    name: 'mtime',
    kind: 'text',
    placeholder: 'checkout|commit',
    choices: ['checkout', 'commit'],
    help: 'times of the files: of the checkout, or of the commit',
    example: 'commit',
  },
  { name: 'fetch-by-commit', kind: 'flag', help: 'resolve nothing: the commit is the one given by --checksum' },
  {
    name: 'checksum',
    kind: 'text',
    placeholder: 'DIGEST',
    help: 'what the reference has to resolve to: a commit ID, or its beginning',
    example: 'd9c43107ab3e46e78b149c370ac8b6a66f3f357d',
  },
  {
    name: 'auth-token-file',
    kind: 'text',
    placeholder: 'FILE',
    locked: 'never',
    help: 'file with a token for the host of the reference',
    example: '/run/secrets/token',
  },
  {
    name: 'known-hosts',
    kind: 'text',
    placeholder: 'FILE',
    locked: 'never',
    help: 'the ssh host keys to trust, instead of ~/.ssh/known_hosts',
    example: './known_hosts',
  },
];

class GitIdentifier implements Identifier {
  readonly scheme = 'git';
  readonly attributes: Attributes;
  readonly reference: GitReference;
  readonly selection: GitSelection;

  constructor(reference: GitReference, attributes: Attributes) {
    this.reference = reference;
    this.attributes = attributes;
    this.selection = {
      ref: reference.ref,
      subdir: reference.subdir,
      checksum: text(attributes, 'checksum') ?? '',
      keepGitDir: attributes['keep-git-dir'] === true,
      skipSubmodules: attributes['skip-submodules'] === true,
      mtime: text(attributes, 'mtime') ?? '',
      fetchByCommit: attributes['fetch-by-commit'] === true,
    };
  }

  pinned(commit: string): string | undefined {
    const { ref } = this.reference;
    if (!isObjectId(commit) || (isObjectId(ref) && ref !== commit)) return undefined;
    return this.withRef(commit);
  }

  /** The reference with the given ref and the same directory. */
  withRef(ref: string): string {
    return referenceText(this.reference, ref);
  }

  toString(): string {
    return this.withRef(this.reference.ref);
  }

  toJSON(): unknown {
    const { remote, ref, subdir } = this.reference;
    return { scheme: this.scheme, remote, ref, subdir, attributes: this.attributes };
  }
}

function referenceText({ remote, subdir }: GitReference, ref: string): string {
  if (ref === '' && subdir === '') return remote;
  // The scp form has no escapes.
  const escaped = (part: string): string =>
    remote.includes('://') ? encodeURI(part).replace(/[#?]/g, encodeURIComponent) : part;
  return `${remote}#${escaped(ref)}${subdir === '' ? '' : `:${escaped(subdir)}`}`;
}

function identify(ref: SchemeRef, attrs: Attributes): GitIdentifier {
  // A git reference has many spellings, so the whole text is parsed. `git://` may arrive split, from callers that only
  // know schemes.
  const reference = parseGitReference(isGitReference(ref.rest) ? ref.rest : `${ref.scheme}://${ref.rest}`);
  if (reference.url.password !== undefined) {
    throw new CtxsrcError('E_REFERENCE', 'a git reference holds no password: it would end up in logs and lock files', {
      hint: 'put the token into a file and name it with --auth-token-file',
    });
  }
  // The query is no longer needed: it has become ref, directory and attributes.
  const plain = parseGitReference(referenceText(reference, reference.ref));
  return new GitIdentifier(plain, mergeAttributes(reference, attrs));
}

/** Combines the query of the reference with the flags; both may say the same. */
function mergeAttributes(reference: GitReference, attrs: Attributes): Attributes {
  const fromQuery: [string, string | boolean | undefined][] = [
    ['checksum', reference.checksum || undefined],
    ['fetch-by-commit', reference.fetchByCommit || undefined],
    ['keep-git-dir', reference.keepGitDir],
    ['mtime', reference.mtime || undefined],
    ['skip-submodules', reference.submodules === undefined ? undefined : !reference.submodules],
  ];
  const merged: Record<string, string | boolean> = {};
  for (const { name } of ATTRIBUTES) {
    const value = attrs[name];
    if (typeof value === 'string' || value === true) merged[name] = value;
  }
  for (const [name, value] of fromQuery) {
    const given = attrs[name];
    if (value !== undefined && given !== undefined && given !== value) {
      throw new CtxsrcError('E_ATTRIBUTE', `--${name} contradicts the query of the reference`, {
        hint: 'say it in one of the two places',
      });
    }
    if (value !== undefined && value !== false) merged[name] = value;
  }
  const { mtime } = merged;
  if (mtime !== undefined && mtime !== 'checkout' && mtime !== 'commit') {
    throw new CtxsrcError('E_ATTRIBUTE', `invalid --mtime ${JSON.stringify(mtime)}`, {
      hint: 'it is checkout or commit',
    });
  }
  return merged;
}

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
      const time = await checkout.write(job, { remote, url: reference.url, resolved, subdir, part }, dir);
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
      throw new CtxsrcError(
        'E_OFFLINE',
        `${String(this.#id)} names something that moves, and --offline forbids to ask what it is now`,
        {
          hint: `name a whole commit ID: ${shellWord(`${remote.url}#COMMIT`)}`,
        },
      );
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
      authTokenFile: text(this.#id.attributes, 'auth-token-file'),
      knownHosts: text(this.#id.attributes, 'known-hosts'),
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

function text(attributes: Attributes, name: string): string | undefined {
  const value = attributes[name];
  return typeof value === 'string' ? value : undefined;
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
  attributes: ATTRIBUTES,
  identify,
  resolve(id: Identifier, env: SourceEnv): SourceInstance {
    if (!(id instanceof GitIdentifier)) throw new CtxsrcError('E_INTERNAL', `${id} is not an identifier of git`);
    return new GitInstance(id, env);
  },
};
