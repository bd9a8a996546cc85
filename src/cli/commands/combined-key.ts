import { formatPlatformAll, normalizePlatform, parsePlatform } from '../../core/platform.ts';
import { combinedKey } from '../../source/combined-key.ts';
import { choosesPlatform, identifierMembers, safeKey } from '../../source/document.ts';
import { allKeys, type Resolved } from '../../source/resolve.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { parsePair } from '../values.ts';

/** The platform of the build, if an image is among its contexts or `--platform` is given. */
function combinedPlatform(run: Run, resolved: readonly Resolved[], flags: Flags): string | undefined {
  const chosen = textFlag(flags, 'platform');
  if (chosen === undefined && !resolved.some(choosesPlatform)) return undefined;
  return formatPlatformAll(normalizePlatform(parsePlatform(chosen ?? run.defaultPlatform())));
}

/** `ctxsrc key --combined`: one key for all references. */
export async function printCombined(run: Run, resolved: readonly Resolved[], flags: Flags): Promise<undefined> {
  const dockerfile = typeof flags.file === 'string' ? [flags.file] : [];
  const pairs = ((flags.with as readonly string[] | undefined) ?? []).map((text) => parsePair('--with', text));
  const keys = await run.each(resolved, async (one) => allKeys(one.instance, await run.job()));
  run.checkComplete(resolved, keys);
  const contexts = await run.each(resolved, async (one) => {
    const digests = await one.instance.digests?.(await run.job());
    return {
      name: one.ref.name ?? '',
      key: keys[resolved.indexOf(one)]!.at(-1)!.key,
      config: await digests?.config?.(),
      imagePlatform: await digests?.imagePlatform?.(),
    };
  });
  const platform = combinedPlatform(run, resolved, flags);
  const combined = await combinedKey(platform, contexts, dockerfile, pairs, run.signal);
  const key = flags.safe === true ? safeKey(combined.key) : combined.key;
  await run.githubOutput({ key });
  if (run.json) {
    await run.document({
      key: combined.key,
      ...(platform === undefined ? {} : { platform }),
      contexts: resolved.map((one, index) => ({
        ...identifierMembers(one, run.defaultPlatform()),
        key: contexts[index]!.key,
        config: contexts[index]!.config,
        imagePlatform: contexts[index]!.imagePlatform,
      })),
      files: combined.files,
      with: pairs.map(([name, value]) => `${name}=${value}`),
      ...(run.verbose > 0 ? { preimage: combined.preimage } : {}),
      incomplete: [...new Set(keys.flat().flatMap((result) => result.incomplete ?? []))],
    });
  } else {
    await run.line(key);
  }
}
