/** Whether a build with this key was done before: the registry that its image was pushed to remembers, or a file. */
import type { JobContext, SourceEnv } from '../contract/index.ts';
import { type Digest, digestHex } from '../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { shownReference } from '../core/shown-reference.ts';
import { readNamedFile } from '../fs/small-file.ts';
import { type ImageReference, nameOf } from '../oci/reference.ts';
import { imageOf, imageRepository } from '../source/foreign-forms.ts';

/** Whether a build with a key was done. */
export interface KnownReport {
  /** True: nothing that can change its result has changed. */
  readonly known: boolean;
  /** For people: what says so. */
  readonly because: string;
}

/** What remembers the keys of builds. */
export type KeyMemory = (job: JobContext, env: SourceEnv, key: Digest) => Promise<KnownReport>;

/**
 * The repository in which images have their keys as tags.
 * @throws E_USAGE as `knownRepository`
 */
export function memoryOfRepository(text: string, flag?: string): KeyMemory {
  const repository = knownRepository(text, flag);
  return async (job, env, key) => {
    const known = await isPushed(job, env, repository, key);
    return { known, because: `${nameOf(repository)} has ${known ? 'the' : 'no'} tag ${knownTag(key)}` };
  };
}

/** A list of keys that CI kept; one that is not there yet lists none. */
export function memoryOfList(file: string, cwd: string): KeyMemory {
  const shown = shownReference(file);
  return async ({ signal }, _, key) => {
    const list = await readEarlier(file, { what: `the list of keys ${printable(shown)}`, cwd, signal });
    const known = list !== undefined && isListed(list, key);
    const says = list === undefined ? 'is not there' : known ? 'lists it' : 'does not list it';
    return { known, because: `${shown} ${says}` };
  };
}

/** What is built without a cache is built anew, whatever was built before. */
export const noMemory: KeyMemory = async () => ({ known: false, because: 'the target is built without a cache' });

/** What an earlier run wrote; undefined if there is nothing yet, as in the first run of a pipeline. */
export async function readEarlier(
  file: string,
  options: Parameters<typeof readNamedFile>[1],
): Promise<string | undefined> {
  try {
    return (await readNamedFile(file, options)).toString('utf8');
  } catch (error) {
    if (isCtxsrcError(error, 'E_PATH_NOT_FOUND')) return undefined;
    throw error;
  }
}

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
