import { sidecarPath } from '../../snapshot/sidecar/sidecar.ts';
import { writeSnapshot } from '../../snapshot/write/write-snapshot.ts';
import { digestMembers, identifierMembers, keyMembers, safeKey } from '../../source/document.ts';
import { allKeys } from '../../source/resolve.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';
import { writeOptions } from '../write-options.ts';

/** `ctxsrc snapshot <ref> <dir>` */
export async function run(run: Run, [reference, target]: readonly string[], flags: Flags): Promise<undefined> {
  const resolved = await run.resolve([reference!]);
  const one = resolved[0]!;
  const { store } = await run.environment();
  const job = await run.job();
  const [answer] = await run.each(resolved, async () => {
    const keys = await allKeys(one.instance, job);
    run.checkComplete(resolved, [keys]);
    const written = await writeSnapshot(job, {
      reference: reference!,
      source: one.source,
      identifier: one.identifier,
      instance: one.instance,
      keys,
      store,
      target: target!,
      options: writeOptions(run, one, flags),
      force: flags.force === true,
      strict: flags.strict === true,
    });
    return { keys, written };
  });
  const { keys, written } = answer!;
  const { sidecar } = written;
  if (written.status === 'unchanged') run.note(`${target} is this snapshot already`);
  else if (sidecar.losses.length > 0) run.note(lossLine(sidecar.lossCounts, sidecarPath(target!)), 'warning');
  const digests = run.json || flags.githubOutput === true ? await one.instance.digests?.(job) : undefined;
  const key = flags.safe === true ? safeKey(keys.at(-1)!.key) : keys.at(-1)!.key;
  await run.githubOutputs(resolved, [{ key, digest: keys.at(-1)!.pin, pinned: digests?.pinned }]);
  if (run.json) {
    await run.document({
      ...identifierMembers(one, run.defaultPlatform()),
      ...(await digestMembers(digests, keys.at(-1)!.pin)),
      ...keyMembers(keys, run.verbose > 0),
      snapshot: {
        status: written.status,
        dir: written.dir,
        via: written.via,
        files: sidecar.files,
        bytes: sidecar.bytes,
        losses: sidecar.lossCounts,
      },
      tree: sidecar.tree,
    });
  } else {
    await run.line(key);
  }
}

function lossLine(counts: Readonly<Record<string, number>>, sidecar: string): string {
  const parts = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  return `not kept: ${parts.join(', ')}; ${sidecar} lists them`;
}
