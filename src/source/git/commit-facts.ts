/** What the store knows of a commit that was fetched before: no server is asked. */
import type { JobContext, Store } from '../../contract/index.ts';
import { isCtxsrcError } from '../../core/errors.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { textOfBytes } from '../../fs/byte-string.ts';
import { Repository } from './repository.ts';
import { GITLINK, readModules } from './submodules.ts';

/** Null is what is not known. */
interface CommitFacts {
  /** When it was written, in the time zone of its author. */
  readonly authored: string | null;
  readonly author: string | null;
  readonly subject: string | null;
  readonly modules: readonly Submodule[] | null;
}

interface Submodule {
  readonly path: string;
  /** As `.gitmodules` has it. */
  readonly url: string | null;
  readonly commit: string;
}

/** More are not listed. */
const MOST_MODULES = 1000;

/** @param id of the commit, or of a tag of it */
export async function commitFacts(job: JobContext, store: Store, url: string, id: string): Promise<CommitFacts> {
  for (const partial of [false, true]) {
    const repository = await Repository.peek(job, store, url, { partial, sha256: id.length === 64 });
    const log = ['log', '-1', '--no-show-signature', '--format=%aI%x00%an%x00%s', id, '--'];
    const found = repository && (await known(job, repository.local(log)));
    if (repository === undefined || found === undefined) continue;
    const [authored = '', author = '', subject = ''] = found.stdout.toString().trimEnd().split('\0');
    return { authored, author, subject, modules: (await known(job, modulesOf(repository, id))) ?? null };
  }
  return { authored: null, author: null, subject: null, modules: null };
}

/** Undefined where git cannot tell: the commit, or its `.gitmodules`, was not fetched, or is just being removed. */
async function known<T>(job: JobContext, asked: Promise<T>): Promise<T | undefined> {
  return asked.catch((error: unknown) => {
    job.signal.throwIfAborted();
    if (!isCtxsrcError(error)) throw error;
    return undefined;
  });
}

async function modulesOf(repository: Repository, commit: string): Promise<readonly Submodule[]> {
  const modules = await readModules(repository, commit);
  if (modules.size === 0) return [];
  const paths = [...modules.keys()].slice(0, MOST_MODULES).map(textOfBytes);
  const links = (await repository.list(commit, paths)).filter(({ mode }) => mode === GITLINK);
  return links.map(({ path, id }) => {
    const url = modules.get(path)?.url;
    return {
      path: textOfBytes(path),
      url: url === undefined ? null : shownReference(textOfBytes(url)),
      commit: id,
    };
  });
}
