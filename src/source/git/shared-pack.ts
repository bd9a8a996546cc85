/**
 * Commits in the shared cache: one pack for each commit or tag, with all objects of its tree. A submodule is a commit of
 * its own. A pack that was received is used once git has computed the IDs of its objects, and they are those that the
 * commit needs, no fewer and no more.
 */
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext, SharedCache, SharedContent, Store } from '../../contract/index.ts';
import { CtxsrcError, isCtxsrcError, localError } from '../../core/errors.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { Git } from './command.ts';
import type { Commit, Repository } from './repository.ts';

/**
 * The git that looks at a foreign pack, with little memory for any one object: a small delta can stand for gigabytes.
 * Our own packs hold no deltas, and git reads large files in pieces.
 */
const LIMITED_GIT = new Git({
  config: [
    ['core.bigFileThreshold', '64m'],
    ['core.packedGitWindowSize', '64m'],
    ['pack.threads', '1'],
  ],
  environment: { GIT_ALLOC_LIMIT: '256m' },
});

/** A pack that was verified, and is not in the store's repository yet. */
interface ReceivedPack {
  /** Of pack and index, without their endings. */
  readonly path: string;
  readonly name: string;
  readonly commit: string;
}

/** The packs of one remote. */
export class SharedPacks {
  readonly #job: JobContext;
  readonly #store: Store;
  readonly #cache: SharedCache;
  /** For messages. */
  readonly #url: string;

  constructor(job: JobContext, store: Store, cache: SharedCache, url: string) {
    this.#job = job;
    this.#store = store;
    this.#cache = cache;
    this.#url = shownReference(url);
  }

  /** Brings the objects of the commit or tag into the repository, if the cache has them. Returns the commit. */
  async take(repository: Repository, pin: string): Promise<Commit | undefined> {
    if (!this.#cache.reads) return undefined;
    const dir = await this.#store.tempDir();
    let checking: Promise<ReceivedPack> | undefined;
    try {
      const took = await this.#cache.take(this.#job, this.#contentOf(pin), {
        dir,
        accept: async (job, path) => {
          checking = this.#check(job, dir, path, pin);
          await checking;
        },
      });
      if (!took || checking === undefined) return undefined;
      await adopt(repository, pin, await checking);
      return await repository.find(pin);
    } finally {
      // The cache may have given up waiting for it: git is ending.
      await checking?.catch(() => undefined);
      await removeTree(dir);
    }
  }

  /** Puts the objects of the commit or tag, which came from their origin, into the cache. */
  async offer(repository: Repository, pin: string, secret: boolean): Promise<void> {
    let dir: string | undefined;
    const file = async (): Promise<string> => {
      dir = await this.#store.tempDir();
      const { stdout } = await repository.local(['rev-list', '--objects', '--no-walk', pin]);
      // Without deltas, see LIMITED_GIT: those of a single commit save a tenth.
      const args = ['pack-objects', '--quiet', '--window=0', '--no-reuse-delta', join(dir, 'pack')];
      const packed = await repository.local(args, { stdin: stdout }, 'pack a commit of');
      return join(dir, `pack-${packed.stdout.toString().trim()}.pack`);
    };
    try {
      await this.#cache.offer(this.#job, this.#contentOf(pin), { secret, file });
    } finally {
      if (dir !== undefined) await removeTree(dir);
    }
  }

  #contentOf(pin: string): SharedContent {
    return { kind: 'git', pin, what: `${this.#url}#${pin}` };
  }

  async #check(job: JobContext, dir: string, received: string, pin: string): Promise<ReceivedPack> {
    const gitDir = join(dir, 'repository');
    const run = async (...args: string[]): Promise<string> => {
      const what = `read the pack of ${this.#url}#${pin}`;
      return (await LIMITED_GIT.run(job.signal, what, args, { gitDir, reach: 'none' })).stdout.toString('latin1');
    };
    await run(
      'init',
      '--quiet',
      '--bare',
      '--template=',
      `--object-format=${pin.length === 64 ? 'sha256' : 'sha1'}`,
      gitDir,
    );
    const path = join(gitDir, 'objects', 'pack', 'received');
    await rename(received, `${path}.pack`);
    try {
      // Without --strict, as git fetches: old commits break rules that were made later.
      const name = (await run('index-pack', `${path}.pack`)).trim();
      // A tag of a tree or a file is refused: what `adopt` notes as a commit without being one breaks the repository.
      const list = await run('rev-list', '--objects', '--no-walk', '--no-object-names', `${pin}^{commit}`, pin);
      const needed = list.trimEnd().split('\n');
      // All that are needed are there, so the number tells whether there are others.
      const count = await objectCount(`${path}.pack`);
      if (count === needed.length) return { path, name, commit: needed[0]! };
      throw new CtxsrcError(
        'E_DIGEST_MISMATCH',
        `a pack of ${needed.length} objects has ${count - needed.length} more`,
      );
    } catch (error) {
      if (!isCtxsrcError(error, 'E_ARCHIVE_INVALID')) throw error;
      throw new CtxsrcError('E_DIGEST_MISMATCH', error.message, { cause: error });
    }
  }
}

/** Moves a pack into the repository, which is then as after a fetch one commit deep. */
async function adopt(repository: Repository, pin: string, { path, name, commit }: ReceivedPack): Promise<void> {
  const { dir } = repository;
  try {
    // First that its parents are missing: without that the commit looks damaged.
    const shallow = join(dir, 'shallow');
    const known = await readFile(shallow, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '';
    });
    await writeFile(`${shallow}.lock`, `${known}${known.includes(commit) ? '' : `${commit}\n`}`);
    await rename(`${shallow}.lock`, shallow);
    const file = await open(`${path}.pack`, 'r+');
    await file.sync().finally(() => file.close());
    // git looks for the index.
    for (const end of ['pack', 'idx']) {
      await rename(`${path}.${end}`, join(dir, 'objects', 'pack', `pack-${name}.${end}`));
    }
  } catch (error) {
    throw localError(error, `cannot write ${dir}`);
  }
  await repository.local(['update-ref', `refs/ctxsrc/${pin}`, pin]);
}

/** The number in the head of a pack. */
async function objectCount(path: string): Promise<number> {
  const file = await open(path);
  try {
    return (await file.read(Buffer.alloc(4), 0, 4, 8)).buffer.readUInt32BE();
  } finally {
    await file.close();
  }
}
