/** A build context that is not on this machine: a git repository, an archive or a Dockerfile on the web. */
import { closeSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { openRegular, readSmallFileSync } from '../../fs/small-file.ts';
import { allKeys, resolve } from '../../source/resolve.ts';
import type { BuildRequest, BuildWork } from '../answer.ts';
import { isArchive } from './archive.ts';

export interface RemoteContext extends Pick<BuildRequest, 'context' | 'remote'> {
  /** The Dockerfile, where the address names no files but that. */
  readonly alone: Uint8Array | undefined;
  release(): Promise<void>;
}

/** BuildKit's name of a file that is fetched as a context. */
const FILE = 'context';

/**
 * Fetches a context into the store.
 * @param keepGitDir BUILDKIT_CONTEXT_KEEP_GIT_DIR
 */
export async function openRemote(ref: string, keepGitDir: boolean, work: BuildWork): Promise<RemoteContext> {
  const plain = await mounted(ref, keepGitDir ? { 'keep-git-dir': true, filename: FILE } : { filename: FILE }, work);
  if (plain.remote?.kind === 'git') return { ...plain, alone: undefined };
  const file = join(plain.context!, FILE);
  const what = printable(shownReference(ref));
  if (!isArchive(beginningOf(file, what))) return { ...plain, alone: readSmallFileSync(file, { what }) };
  await plain.release();
  return { ...(await mounted(ref, { unpack: true }, work)), remote: plain.remote, alone: undefined };
}

async function mounted(
  text: string,
  attributes: Readonly<Record<string, string | boolean>>,
  { table, env, job }: BuildWork,
): Promise<Omit<RemoteContext, 'alone'>> {
  const { identifier, instance } = await resolve(table, text, attributes, env);
  const { key, pin } = (await allKeys(instance, job)).at(-1)!;
  const remote = { kind: identifier.scheme, ref: shownReference(String(identifier)), digest: pin, key };
  const ref = await instance.snapshot(job);
  try {
    const mount = await ref?.mount(job);
    return { context: mount?.path, remote, release: async () => mount?.release() };
  } finally {
    await ref?.release();
  }
}

function beginningOf(path: string, what: string): Uint8Array {
  const { fd } = openRegular(path, { what });
  try {
    const bytes = Buffer.alloc(512);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}
