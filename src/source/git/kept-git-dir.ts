/** The `.git` of `--keep-git-dir`. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { JobContext } from '../../contract/index.ts';
import type { GitCall } from './command.ts';
import type { ResolvedRef } from './key.ts';
import type { GitRemote, Repository } from './repository.ts';

interface Kept {
  readonly repository: Repository;
  readonly remote: GitRemote;
  readonly resolved: ResolvedRef;
  readonly commit: string;
  readonly dir: string;
}

/** Makes `dir/.git` a repository of its own with the commit and the requested ref. */
export async function keepGitDir(job: JobContext, { repository, remote, resolved, commit, dir }: Kept): Promise<void> {
  const gitDir = join(dir, '.git');
  const format = resolved.pin.length === 64 ? 'sha256' : 'sha1';
  const run = (args: readonly string[], call: Partial<GitCall> = {}): Promise<unknown> => {
    const what = `keep the git directory of ${remote.url}`;
    return remote.git.run(job.signal, what, args, { gitDir, workTree: dir, reach: 'none', ...call });
  };
  await run(['init', '--quiet', '--template=', `--object-format=${format}`, dir]);
  // Through the file transport, without hard links: checkouts cannot change each other's objects.
  const kept = resolved.name.startsWith('refs/') ? resolved.name : 'refs/ctxsrc/head';
  const from = pathToFileURL(repository.dir).href;
  const flags = ['--quiet', '--depth=1', '--no-tags', '--no-write-fetch-head', '--update-head-ok'];
  const fetch = ['fetch', ...flags, '--', 'origin', `+${resolved.pin}:${kept}`];
  await run(['-c', `remote.origin.url=${from}`, ...fetch], { reach: 'file' });
  await run(['update-ref', '--no-deref', 'HEAD', commit]);
  if (kept === 'refs/ctxsrc/head') await run(['update-ref', '-d', kept]);
  await run(['config', 'remote.origin.url', remote.url]);
  await run(['config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*']);
  // The index gets the current files, so that `git status` is clean.
  await run(['read-tree', commit]);
  // Exit 1: files differ, as with a filter.
  await run(['update-index', '-q', '--refresh'], { okExits: [1] });
}
