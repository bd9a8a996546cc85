/**
 * One key for a whole build: its contexts, its Dockerfile and other inputs that the caller names. Specific to ctxsrc;
 * the exact form is a contract (`--combined`).
 */
import { basename } from 'node:path';
import { type Digest, sha256 } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { encodeGoJson } from '../core/go/json-encode.ts';
import { compareUtf8 } from '../core/go/text.ts';
import { printable } from '../core/printable.ts';
import { readNamedFile, streamOf } from '../fs/small-file.ts';

export interface CombinedContext {
  /** Empty for the unnamed context. */
  readonly name: string;
  readonly key: string;
  /** Config digest, for images: ENV of a base image changes a build without changing a file. */
  readonly config: string | undefined;
}

export interface CombinedKey {
  readonly key: Digest;
  /** The exact text that was hashed. */
  readonly preimage: string;
  readonly files: readonly { readonly name: string; readonly digest: Digest }[];
}

/**
 * `sha256:` of Go-style JSON `{"V":2,"Platform":"linux/amd64","Contexts":[…],"Files":[…],"With":[…]}`: named contexts
 * sorted by the bytes of their names, then the unnamed ones in the order given.
 * @param platform the platform of the build, normalised; undefined if nothing depends on it
 * @param files paths whose raw bytes count, by base name (a stream's is Dockerfile, as in builders)
 * @param pairs names and values that count; a repeated name is a usage error
 */
export async function combinedKey(
  platform: string | undefined,
  contexts: readonly CombinedContext[],
  files: readonly string[],
  pairs: readonly (readonly [string, string])[],
  signal?: AbortSignal,
): Promise<CombinedKey> {
  refuseRepeats(
    '--with',
    pairs.map(([name]) => name),
  );
  refuseRepeats(
    'the context name',
    contexts.map((context) => context.name).filter((name) => name !== ''),
  );
  const named = contexts.filter((context) => context.name !== '').sort((a, b) => compareUtf8(a.name, b.name));
  const unnamed = contexts.filter((context) => context.name === '');
  const digests = await Promise.all(
    files.map(async (path) => ({
      name: streamOf(path) === undefined ? basename(path) : 'Dockerfile',
      digest: sha256(await readNamedFile(path, { what: `the Dockerfile ${printable(path)}`, signal })),
    })),
  );
  const preimage = encodeGoJson({
    V: 2,
    Platform: platform,
    Contexts: [...named, ...unnamed].map(({ name, key, config }) => ({
      Name: name,
      Key: key,
      ...(config === undefined ? {} : { Config: config }),
    })),
    Files: digests.map(({ name, digest }) => ({ Name: name, Digest: digest })),
    With: pairs.map(([name, value]) => `${name}=${value}`).sort(compareUtf8),
  });
  return { key: sha256(preimage), preimage, files: digests };
}

function refuseRepeats(what: string, names: readonly string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated === undefined) return;
  throw new CtxsrcError('E_USAGE', `${what} ${JSON.stringify(repeated)} is given twice`, {
    hint: 'give each name once',
  });
}
