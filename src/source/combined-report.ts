/** `ctxsrc key --combined`: the document of `--json`, and what the library returns. */
import type { CacheKeyResult, JobContext } from '../contract/index.ts';
import type { Digest } from '../core/digest.ts';
import { formatPlatformAll, normalizePlatform, parsePlatform } from '../core/platform.ts';
import { combinedKey } from './combined-key.ts';
import { choosesPlatform, identifierMembers, type ReferenceReport } from './document.ts';
import { unseen } from './incomplete.ts';
import { allKeys, forEach, type Resolved } from './resolve.ts';

/** One key for several references, files and values. */
export interface CombinedReport {
  /** The key. */
  readonly key: Digest;
  /** The platform of the build; absent if nothing depends on it. */
  readonly platform?: string;
  /** The references, in the order given. */
  readonly contexts: readonly CombinedContextReport[];
  /** Further files by base name. */
  readonly files: readonly { readonly name: string; readonly digest: Digest }[];
  /** Further values, `NAME=VALUE`. */
  readonly with: readonly string[];
  /** The exact text that was hashed, where it was asked for. */
  readonly preimage?: string;
  /** What the key does not cover, for instance `xattrs`. */
  readonly incomplete: readonly string[];
}

/** One reference of a combined key. */
export interface CombinedContextReport extends ReferenceReport {
  /** Its content key. */
  readonly key: string;
  /** Digest of an image's configuration, which counts, too. */
  readonly config: string | undefined;
  /** The platform that the image itself says it is for. */
  readonly imagePlatform: string | undefined;
}

/** What is combined beside the references. */
export interface Combination {
  /** Of references without a platform. */
  readonly defaultPlatform: string;
  /** The platform that was asked for. */
  readonly platform: string | undefined;
  readonly files: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
  readonly preimage: boolean;
}

/**
 * The combined key of references.
 * @param seen gets the keys of each reference, before they are combined
 * @throws CtxsrcError those of the references; `E_USAGE` for a name that is given twice
 */
export async function combinedReport(
  job: JobContext,
  resolved: readonly Resolved[],
  { defaultPlatform, platform: asked, files, pairs, preimage }: Combination,
  seen: (keys: readonly (readonly CacheKeyResult[])[]) => void,
): Promise<CombinedReport> {
  const keys = await forEach(resolved, ({ instance }) => allKeys(instance, job));
  seen(keys);
  const contexts = await forEach(resolved, async (one) => {
    const digests = await one.instance.digests?.(job);
    return {
      ...identifierMembers(one, defaultPlatform),
      key: keys[resolved.indexOf(one)]!.at(-1)!.key,
      config: await digests?.config?.(),
      imagePlatform: await digests?.imagePlatform?.(),
    };
  });
  const platform = combinedPlatform(resolved, asked, defaultPlatform);
  const parts = contexts.map(({ key, config }, index) => ({ name: resolved[index]!.ref.name ?? '', key, config }));
  const combined = await combinedKey(platform, parts, files, pairs, job.signal);
  return {
    key: combined.key,
    ...(platform === undefined ? {} : { platform }),
    contexts,
    files: combined.files,
    with: pairs.map(([name, value]) => `${name}=${value}`),
    ...(preimage ? { preimage: combined.preimage } : {}),
    incomplete: unseen(keys.flat()),
  };
}

/** The platform of the build, if an image is among its contexts or one is asked for. */
function combinedPlatform(
  resolved: readonly Resolved[],
  asked: string | undefined,
  defaultPlatform: string,
): string | undefined {
  if (asked === undefined && !resolved.some(choosesPlatform)) return undefined;
  return formatPlatformAll(normalizePlatform(parsePlatform(asked ?? defaultPlatform)));
}
