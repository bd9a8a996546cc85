/** Holds the files of a source to what is known of them from elsewhere, before anything of them is believed. */
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImmutableRef } from '../contract/ref.ts';
import type { JobContext } from '../contract/session.ts';
import { type Digest, digestAlgorithm, digestHex, hasherFor } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { bytesOfText } from '../fs/byte-string.ts';

/** What the files are held to, and what is said of others. */
export interface HeldTo<Wanted extends string> {
  readonly wanted: Wanted;
  /** For people: whose files they are. */
  readonly what: string;
  readonly hint: string;
}

/**
 * Holds the files to a content key. Of files that their owner may not read the store of a user has no exact copy, so
 * there only root can do it.
 * @throws E_UNSAFE for other files
 */
export async function holdToKey(
  job: JobContext,
  ref: ImmutableRef | null,
  { wanted, what, hint }: HeldTo<string>,
): Promise<void> {
  const { hashTree } = await import('../fs/hash/hash-tree.ts');
  const found = await inFiles(ref, job, (path) =>
    hashTree(bytesOfText(path), { signal: job.signal, progress: job.progress, label: what }),
  );
  const key = found === undefined ? 'none' : `sha256:${found.digest}`;
  if (key === wanted) return;
  const missing = found === undefined || found.incomplete.length === 0 ? '' : ` without ${found.incomplete.join(', ')}`;
  throw new CtxsrcError('E_UNSAFE', `the files of ${what} have the content key ${key}${missing}, and not ${wanted}`, {
    hint: process.geteuid?.() === 0 ? hint : `${hint}; if their owner may not read some of them, read them as root`,
  });
}

/**
 * Holds the files to be one regular file with this digest.
 * @throws E_UNSAFE for anything else
 */
export async function holdToBody(
  job: JobContext,
  ref: ImmutableRef | null,
  { wanted, what, hint }: HeldTo<Digest>,
): Promise<void> {
  const found = await inFiles(ref, job, (path) => digestOfOnly(path, wanted, job.signal));
  if (found === digestHex(wanted)) return;
  const message = `${what} is not one file with the digest ${wanted}${found === undefined ? '' : `, but with ${digestAlgorithm(wanted)}:${found}`}`;
  throw new CtxsrcError('E_UNSAFE', message, { hint });
}

/** The hex digest of the one regular file in a directory; undefined if that is not what is in it. */
async function digestOfOnly(dir: string, like: Digest, signal: AbortSignal): Promise<string | undefined> {
  const [only, ...others] = await readdir(dir, { withFileTypes: true, encoding: 'buffer' });
  if (only === undefined || others.length > 0 || !only.isFile()) return undefined;
  const path = Buffer.concat([Buffer.from(join(dir, '/')), only.name]);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = hasherFor(like);
    for await (const chunk of file.createReadStream({ signal, autoClose: false })) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

/** What is found out in the directory of the files; undefined if there are none. */
async function inFiles<T>(
  ref: ImmutableRef | null,
  job: JobContext,
  find: (path: string) => Promise<T>,
): Promise<T | undefined> {
  if (ref === null) return undefined;
  const mount = await ref.mount(job);
  try {
    return await find(mount.path);
  } finally {
    await mount.release();
  }
}
