import { digestMembers, identifierMembers } from '../../source/document.ts';
import { pullSource } from '../../source/pull.ts';
import type { Run } from '../run.ts';

/** `ctxsrc pull <ref>` */
export async function run(run: Run, references: readonly string[]): Promise<undefined> {
  const resolved = await run.resolve(references);
  const [digests] = await run.each(resolved, async ({ instance }) => pullSource(instance, await run.job()));
  await run.githubOutputs(resolved, [{ digest: digests!.digest, pinned: digests!.pinned }]);
  if (!run.json) return run.line(digests!.digest);
  const members = await digestMembers(digests, undefined);
  await run.document({ ...identifierMembers(resolved[0]!, run.defaultPlatform()), ...members });
}
