import type { CacheKeyResult } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { digestMembers, identifierMembers, keyMembers, safeKey } from '../../source/document.ts';
import { allKeys, digestsOf, type Resolved } from '../../source/resolve.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';

/** `ctxsrc key <ref>…` */
export async function run(run: Run, references: readonly string[], flags: Flags): Promise<undefined> {
  if (flags.with !== undefined && flags.combined !== true) {
    throw new CtxsrcError('E_USAGE', '--with belongs to --combined', { hint: 'add --combined, or leave --with out' });
  }
  const resolved = await run.resolve(references);
  if (flags.combined === true) {
    const { printCombined } = await import('./combined-key.ts');
    return printCombined(run, resolved, flags);
  }
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
  readonly document: object | undefined;
  readonly pinned: string | undefined;
}

async function keysOf(run: Run, one: Resolved, definitionOnly: boolean): Promise<KeyAnswer> {
  const job = await run.job();
  const keys = definitionOnly ? [await one.instance.cacheKey(job, 0)] : await allKeys(one.instance, job);
  if (!run.json && run.flags.githubOutput !== true) return { keys, document: undefined, pinned: undefined };
  const digests = definitionOnly && one.instance.digests === undefined ? undefined : await digestsOf(one.instance, job);
  if (!run.json) return { keys, document: undefined, pinned: digests?.pinned };
  const document = {
    ...identifierMembers(one, run.defaultPlatform()),
    ...(await digestMembers(digests, keys.at(-1)!.pin)),
    ...keyMembers(keys, run.verbose > 0),
  };
  return { keys, document, pinned: digests?.pinned };
}
