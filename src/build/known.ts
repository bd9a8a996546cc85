/** Whether a build with this key was done before: the registry that its image was pushed to remembers, or a file. */
import type { JobContext, SourceEnv } from '../contract/index.ts';
import { type Digest, digestHex } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { shownReference } from '../core/shown-reference.ts';
import { type ImageReference, nameOf } from '../oci/reference.ts';
import { imageOf, imageRepository } from '../source/foreign-forms.ts';

/** The tag under which the image of a key is pushed. */
export function knownTag(key: Digest): string {
  return `ctxsrc-${digestHex(key)}`;
}

/**
 * Reads the value of a flag that names the repository in which images have their keys as tags.
 * @throws E_USAGE for anything but a repository without tag and digest
 */
export function knownRepository(text: string, flag = '--known'): ImageReference {
  const repository = imageRepository(text);
  if (repository !== undefined) return repository;
  throw new CtxsrcError(
    'E_USAGE',
    `${flag} ${JSON.stringify(shownReference(text))} is not valid: it takes a repository without tag`,
    {
      hint: `write ${flag} ${imageOf('HOST/REPOSITORY')}; the tag is made of the key`,
    },
  );
}

/** Whether the repository has the tag of this key. A repository that is not there has no tag. */
export async function isPushed(
  job: JobContext,
  env: SourceEnv,
  repository: ImageReference,
  key: Digest,
): Promise<boolean> {
  const { domain: host, path } = repository;
  if (env.offline) {
    throw new CtxsrcError(
      'E_OFFLINE',
      `whether ${nameOf(repository)} has the tag is not known, and --offline forbids asking`,
      {
        hint: 'leave --offline out, or keep a list of keys and give --known-file',
      },
    );
  }
  const { sharedClient } = await import('../registry/shared-client.ts');
  const client = await sharedClient(env.network);
  return client.hasTag(job, { host, repository: path }, knownTag(key));
}

/** Whether a list holds the key: one a line, as `key --build` prints it, with `--safe` too. */
export function isListed(list: string, key: Digest): boolean {
  const spellings = new Set([key, key.replace(':', '-'), knownTag(key)]);
  return list.split('\n').some((line) => spellings.has(line.trim()));
}
