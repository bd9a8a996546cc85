import { digestMembers, identifierMembers } from '../document.ts';
import type { Run } from '../run.ts';
import { digestsOf } from './digest.ts';

/** `ctxsrc pull <ref>` */
export async function run(run: Run, references: readonly string[]): Promise<undefined> {
  const resolved = await run.resolve(references);
  const [digests] = await run.each(resolved, async ({ instance, ...one }) => {
    const job = await run.job();
    if (instance.pull !== undefined) {
      await instance.pull(job);
    } else {
      const ref = await instance.snapshot(job);
      try {
        await ref?.extract(job);
      } finally {
        await ref?.release();
      }
    }
    return digestsOf(run, { ...one, instance });
  });
  await run.githubOutputs(resolved, [{ digest: digests!.digest, pinned: digests!.pinned }]);
  if (!run.json) return run.line(digests!.digest);
  const members = await digestMembers(digests, undefined);
  await run.document({ ...identifierMembers(resolved[0]!, run.defaultPlatform()), ...members });
}
