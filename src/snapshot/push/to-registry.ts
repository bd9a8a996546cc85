/** The order of a push into a registry: blobs side by side, then manifests, then the tag. */
import type { JobContext } from '../../contract/session.ts';
import type { SourceEnv } from '../../contract/source.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { Clock } from '../../http/clock.ts';
import type { RepositoryName } from '../../registry/mirrors.ts';
import type { OutgoingBlob } from '../../registry/push/blob.ts';
import { createPushClient, type PushClient } from '../../registry/push/client.ts';
import type { OutgoingManifest } from '../../registry/push/manifest.ts';
import type { RegistryTarget } from '../../source/destination.ts';
import type { PushPlan } from './plan.ts';
import type { Pushed, Transfer } from './push.ts';

/** Several registries take no blob beyond this size; what a registry takes only it knows. */
const OFTEN_TOO_LARGE = 10e9;

interface ToRegistry extends Transfer {
  readonly env: Pick<SourceEnv, 'network' | 'offline'>;
  /** The repository that the content comes from. */
  readonly from: RepositoryName | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * Sends what the repository lacks, then puts the root under the tag.
 * @throws E_OFFLINE; errors of reading the image; those of `PushClient`
 */
export async function pushToRegistry(
  job: JobContext,
  plan: PushPlan,
  { name, tag }: RegistryTarget,
  transfer: ToRegistry,
): Promise<Pushed> {
  const { env, from, dryRun, tell, clock } = transfer;
  if (env.offline) {
    throw new CtxsrcError('E_OFFLINE', `nothing can be pushed to ${name.host}, for --offline forbids asking it`, {
      hint: 'leave --offline out, or push into a layout: ctxsrc push --help',
    });
  }
  for (const { digest, size, kind } of plan.blobs) {
    if (size <= OFTEN_TOO_LARGE) continue;
    const text = `${kind} ${digest} has ${Math.round(size / 1e9)} GB: many registries take at most 10 GB in one`;
    job.progress.emit({ type: 'message', level: 'note', text });
  }
  const client = createPushClient({ network: env.network, name, from, clock });
  try {
    const there = (await client.tagged(job, plan.root.digest, tag)) === plan.root.digest;
    const documents = [...plan.children, plan.root];
    if (there) {
      for (const blob of plan.blobs) tell(blob, 'present');
      for (const manifest of documents) tell(itemOf(manifest), 'present');
    }
    const hasCompanions = (plan.beside?.companions.length ?? 0) > 0;
    if (there && !hasCompanions) return { moved: false };
    const parts = {
      blobs: [...plan.blobs, ...(plan.beside?.blobs ?? [])],
      documents: [...documents, ...(plan.beside?.documents ?? [])],
    };
    // The largest first: begun last, it would go on alone when the others are done.
    const queue = (there ? plan.beside!.blobs : parts.blobs).toSorted((a, b) => b.size - a.size);
    await client.pace.each(queue, job.signal, async (blob, signal) => {
      const one = { ...job, signal };
      if (await client.hasBlob(one, blob)) tell(blob, 'present');
      else tell(blob, dryRun ? 'sent' : await client.upload(one, blob));
    });
    for (const manifest of there ? [] : plan.children) {
      const known = await client.hasManifest(job, manifest.digest);
      if (!known && !dryRun) await put(job, client, parts, manifest, manifest.digest);
      tell(itemOf(manifest), known ? 'present' : 'sent');
    }
    if (hasCompanions) {
      // Some registries take nothing about an image that they do not have. The tag comes last all the same.
      if (!there && !dryRun) await put(job, client, parts, plan.root, plan.root.digest);
      const { besideRegistry } = await import('./beside-registry.ts');
      await besideRegistry(job, client, plan, {
        dryRun,
        tell: (manifest, known) => tell(itemOf(manifest), known ? 'present' : 'sent'),
        put: (manifest, reference) => put(job, client, parts, manifest, reference),
      });
    }
    if (there) return { moved: false };
    if (!dryRun) await put(job, client, parts, plan.root, tag);
    tell(itemOf(plan.root), 'sent');
    return { moved: true };
  } finally {
    await client.close();
  }
}

/** What is put again on the way repairs nothing itself: two manifests would repair each other without end. */
function put(
  job: JobContext,
  client: PushClient,
  parts: { readonly blobs: readonly OutgoingBlob[]; readonly documents: readonly OutgoingManifest[] },
  manifest: OutgoingManifest,
  reference: string,
): Promise<boolean> {
  const { blobs, documents } = parts;
  return client.put(job, manifest, reference, async (missing) => {
    const isMissing = ({ digest }: { readonly digest: string }): boolean => missing.size === 0 || missing.has(digest);
    for (const blob of blobs.filter(isMissing)) await client.upload(job, blob);
    const before = documents.slice(0, Math.max(0, documents.indexOf(manifest)));
    for (const child of before.filter(isMissing)) await client.put(job, child, child.digest, async () => undefined);
  });
}

function itemOf({ digest, bytes }: OutgoingManifest) {
  return { digest, size: bytes.length, kind: 'manifest' };
}
