/** A repository with one commit in it: from the store, the shared cache or the origin. */
import type { JobContext, SharedCache, Store } from '../../contract/index.ts';
import type { ResolvedRef } from './key.ts';
import { type Commit, type GitRemote, Repository } from './repository.ts';

interface WantedCommit {
  readonly remote: GitRemote;
  readonly resolved: ResolvedRef;
  /** Empty: the whole commit. */
  readonly subdir: string;
}

interface OpenedCommit {
  /** Locked until it is released. */
  readonly repository: Repository;
  readonly commit: Commit;
}

/** Errors: those of git (failure.ts), and with `--strict` those of the shared cache. */
export async function openCommit(
  job: JobContext,
  { store, cache }: { readonly store: Store; readonly cache: SharedCache | undefined },
  wanted: WantedCommit,
): Promise<OpenedCommit> {
  const { remote, resolved, subdir } = wanted;
  const { pin } = resolved;
  const secret = remote.git.hasCredential;
  // A repository on this machine is nearer than any cache, and not everybody's.
  const shared = remote.reach === 'network' ? cache : undefined;
  const packs =
    shared === undefined
      ? undefined
      : new (await import('./shared-pack.ts')).SharedPacks(job, store, shared, remote.url);
  const partial = subdir !== '' && packs === undefined;
  const repository = await Repository.open(job, store, remote, { partial, sha256: pin.length === 64 });
  try {
    const known = (await repository.find(pin)) ?? (await packs?.take(repository, pin));
    if (known !== undefined) return { repository, commit: known };
    // The cache has whole commits, so whoever fills it fetches one also where a directory is asked for.
    if (subdir === '' || shared?.keeps(secret) !== false) {
      const commit = await repository.fetch(resolved);
      await packs?.offer(repository, pin, secret);
      return { repository, commit };
    }
  } catch (error) {
    await repository.release();
    throw error;
  }
  await repository.release();
  const part = await openCommit(job, { store, cache: undefined }, wanted);
  // This only says why it is not put there, if a credential is the reason.
  await packs?.offer(part.repository, pin, secret);
  return part;
}
