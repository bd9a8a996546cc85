import type { CacheKeyResult } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { formatPlatformAll, normalizePlatform, parsePlatform } from '../../core/platform.ts';
import { allKeys, type Resolved } from '../../source/resolve.ts';
import { choosesPlatform, digestMembers, identifierMembers, keyMembers, safeKey } from '../document.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { parsePair } from '../values.ts';
import { digestsOf } from './digest.ts';

/** `ctxsrc key <ref>…` */
export async function run(run: Run, references: readonly string[], flags: Flags): Promise<undefined> {
  if (flags.with !== undefined && flags.combined !== true) {
    throw new CtxsrcError('E_USAGE', '--with belongs to --combined', { hint: 'add --combined, or leave --with out' });
  }
  const resolved = await run.resolve(references);
  if (flags.combined === true) return printCombined(run, resolved, flags);
  const answers = await run.each(resolved, (one) => keysOf(run, one, flags.definition === true));
  run.checkComplete(
    resolved,
    answers.map((answer) => answer.keys),
  );
  const spell = flags.safe === true ? safeKey : (key: string) => key;
  await run.githubOutputs(
    resolved,
    answers.map(({ keys, pinned }) => ({ key: spell(keys.at(-1)!.key), digest: keys.at(-1)!.pin, pinned })),
  );
  for (const { keys, document } of answers) {
    if (document !== undefined) await run.out(`${JSON.stringify(document)}\n`);
    else for (const result of flags.all === true ? keys : keys.slice(-1)) await run.line(spell(result.key));
  }
}

interface KeyAnswer {
  readonly keys: readonly CacheKeyResult[];
  readonly document: Record<string, unknown> | undefined;
  readonly pinned: string | undefined;
}

async function keysOf(run: Run, one: Resolved, definitionOnly: boolean): Promise<KeyAnswer> {
  const job = await run.job();
  const keys = definitionOnly ? [await one.instance.cacheKey(job, 0)] : await allKeys(one.instance, job);
  if (!run.json && run.flags.githubOutput !== true) return { keys, document: undefined, pinned: undefined };
  const digests = definitionOnly && one.instance.digests === undefined ? undefined : await digestsOf(run, one);
  if (!run.json) return { keys, document: undefined, pinned: digests?.pinned };
  const document = {
    ...identifierMembers(one, run.defaultPlatform()),
    ...(await digestMembers(digests, keys.at(-1)!.pin)),
    ...keyMembers(keys, run.verbose > 0),
  };
  return { keys, document, pinned: digests?.pinned };
}

/** What the build is for, where an image is among its contexts or `--platform` says that it matters. */
function combinedPlatform(run: Run, resolved: readonly Resolved[], flags: Flags): string | undefined {
  const chosen = textFlag(flags, 'platform');
  if (chosen === undefined && !resolved.some(choosesPlatform)) return undefined;
  return formatPlatformAll(normalizePlatform(parsePlatform(chosen ?? run.defaultPlatform())));
}

async function printCombined(run: Run, resolved: readonly Resolved[], flags: Flags): Promise<undefined> {
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
  const { combinedKey } = await import('../../source/combined-key.ts');
  const combined = await combinedKey(platform, contexts, dockerfile, pairs, run.signal);
  const key = flags.safe === true ? safeKey(combined.key) : combined.key;
  await run.githubOutput({ key });
  if (run.json) {
    const document = {
      schema: 'ctxsrc/v1',
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
    };
    await run.out(`${JSON.stringify(document)}\n`);
  } else {
    await run.line(key);
  }
}
