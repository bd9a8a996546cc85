import type { Digests } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { digestMembers, identifierMembers } from '../../source/document.ts';
import { digestsOf, type Resolved } from '../../source/resolve.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';

/** `ctxsrc digest <ref>…` */
export async function run(run: Run, references: readonly string[], flags: Flags): Promise<undefined> {
  const resolved = await run.resolve(references);
  const answers = await run.each(resolved, async (one) => {
    const digests = await digestsOf(one.instance, await run.job());
    const line = await chosenDigest(digests, one, flags);
    const document = run.json
      ? { ...identifierMembers(one, run.defaultPlatform()), ...(await digestMembers(digests, undefined)) }
      : undefined;
    return { line, document, digests };
  });
  await run.githubOutputs(
    resolved,
    answers.map(({ digests }) => ({ digest: digests.digest, pinned: digests.pinned })),
  );
  for (const { line, document } of answers) {
    if (document === undefined) await run.line(line);
    else await run.document(document);
  }
}

async function chosenDigest(digests: Digests, one: Resolved, flags: Flags): Promise<string> {
  if (flags.pinned === true) {
    if (digests.pinned !== undefined) return digests.pinned;
    const why = `no reference with the scheme ${one.identifier.scheme} can name a digest`;
    throw new CtxsrcError('E_NOT_PINNABLE', `${shownReference(one.ref.text)} has no pinned form: ${why}`, {
      hint: 'ctxsrc lock keeps the content key of such a source',
    });
  }
  for (const wanted of ['manifest', 'config'] as const) {
    if (flags[wanted] !== true) continue;
    const digest = await digests[wanted]?.();
    if (digest !== undefined) return digest;
    throw new CtxsrcError('E_USAGE', `${shownReference(one.ref.text)} has no ${wanted}: it is no image`, {
      hint: `leave --${wanted} out`,
    });
  }
  return digests.digest;
}
