/** The shared cache of a run, by the options of the command line and the library. */
import type { NetworkOptions, SharedCache } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { shownReference } from '../core/shown-reference.ts';
import type { RepositoryName } from '../registry/mirrors.ts';
import { openSharedCache } from '../registry/shared-cache/cache.ts';
import type { SharingOptions } from './environment.ts';
import { imageOf, imageRepository } from './foreign-forms.ts';

/**
 * Undefined offline, where it is not asked.
 * @throws E_USAGE for options that are no repositories, or mean nothing
 */
export function sharedCacheOf(
  { cacheFrom, cacheTo, cachePrivate = false }: SharingOptions,
  network: NetworkOptions,
  offline: boolean,
): SharedCache | undefined {
  if (cachePrivate && cacheTo === undefined) {
    throw new CtxsrcError('E_USAGE', '--cache-private means nothing without --cache-to', {
      hint: `add --cache-to ${imageOf('HOST/REPOSITORY')}, or leave it out`,
    });
  }
  const from = repositoryOf(cacheFrom, '--cache-from');
  const to = repositoryOf(cacheTo, '--cache-to');
  const isIdle = offline || (from === undefined && to === undefined);
  return isIdle ? undefined : openSharedCache({ network, from, to, private: cachePrivate });
}

function repositoryOf(text: string | undefined, flag: string): RepositoryName | undefined {
  if (text === undefined) return undefined;
  const repository = imageRepository(text);
  if (repository !== undefined) return { host: repository.domain, repository: repository.path };
  const message = `${flag} ${JSON.stringify(shownReference(text))} is not valid: it takes a repository without tag`;
  throw new CtxsrcError('E_USAGE', message, { hint: `write ${flag} ${imageOf('HOST/REPOSITORY')}` });
}
