/** `ctxsrc push`: an image byte for byte, or the files of any other source as one, into a registry or an OCI layout. */
import type { JobContext } from '../../contract/session.ts';
import type { ImageContent, SourceEnv, SourceInstance } from '../../contract/source.ts';
import type { Digest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { Task } from '../../core/progress.ts';
import type { OutgoingBlob } from '../../registry/push/blob.ts';
import type { Destination } from '../../source/destination.ts';
import { type PushPlan, planImage } from './plan.ts';
import type { TreeFacts, TreeOptions } from './tree/pack.ts';

export interface PushRequest {
  readonly instance: SourceInstance;
  readonly env: SourceEnv;
  /** Where to; what is named by its content is told that: of an image the root's digest, of files their key. */
  readonly destination: Destination | ((content: Digest) => Destination);
  /** The index with everything in it, instead of one platform's manifest. */
  readonly allPlatforms: boolean;
  /** Also what lies beside the image: attestations, signatures, and whatever else names it as its subject. */
  readonly attestations: boolean;
  /** Only find out what would be sent. */
  readonly dryRun: boolean;
  /** How the files of a source that is no image are packed. */
  readonly tree?: TreeOptions | undefined;
}

/** Its destination is known. */
interface PlacedRequest extends PushRequest {
  readonly destination: Destination;
}

/** `mounted`: the registry took it from another repository of its own. */
type Outcome = 'sent' | 'present' | 'mounted';

export interface PushedItem {
  readonly digest: Digest;
  readonly size: number;
  /** `layer`, `configuration` or `manifest`. */
  readonly kind: string;
  readonly outcome: Outcome;
}

/** What was pushed. */
export interface PushResult {
  /** The destination with the digest of what it names now. */
  readonly reference: string;
  /** What the destination names now. */
  readonly digest: Digest;
  /** Media type of that. */
  readonly mediaType: string;
  /** The index that the pushed manifest was taken from: it has another digest, and was not pushed. */
  readonly index: Digest | undefined;
  /** Attestations in that index that were not pushed. */
  readonly attestations: number;
  /** Signatures and other companions that lie beside the image and were not pushed; absent if that is not known. */
  readonly beside?: number | undefined;
  /** False if the tag named this digest before. */
  readonly moved: boolean;
  /** Each blob and manifest, in the order of sending. */
  readonly items: readonly PushedItem[];
  /** Bytes of what was sent, or would be. */
  readonly sent: number;
  /** Absent for an image. */
  readonly tree?: TreeFacts | undefined;
}

/** What a destination tells of each blob and manifest. */
export interface Transfer {
  readonly dryRun: boolean;
  tell(item: Omit<OutgoingBlob, 'content'>, outcome: Outcome): void;
}

/** What a destination says in the end. */
export interface Pushed {
  readonly moved: boolean;
}

/**
 * Pushes a source. The tag is the last thing that changes.
 * @throws E_USAGE for options that mean nothing for the source; errors of reading it, and of the destination
 */
export async function pushSource(job: JobContext, request: PushRequest): Promise<PushResult> {
  const { instance, env, allPlatforms, attestations, tree = {} } = request;
  if (instance.content !== undefined) {
    refuseTreeOptions(tree);
    const content = await instance.content(job);
    const plan = await planImage(job, content, { allPlatforms, attestations });
    tellWhatStays(job, plan);
    const result = await send(job, placed(request, plan.root.digest), plan, content.repository);
    if (attestations) return { ...result, beside: 0 };
    // A push that had nothing to do says no more than before, and asks no more.
    if (!result.moved) return result;
    const { countCompanions } = await import('./companions.ts');
    return { ...result, beside: await countCompanions(job, content, plan) };
  }
  const [flag, hint] = allPlatforms
    ? ['--all-platforms', 'leave it out: what is pushed fits every platform']
    : attestations
      ? ['--attestations', 'leave it out: nothing lies beside files']
      : [undefined];
  if (flag !== undefined) {
    throw new CtxsrcError('E_USAGE', `${flag} means nothing for a source that is no image`, { hint });
  }
  const { packTree } = await import('./tree/pack.ts');
  const packed = await packTree(job, { instance, env, options: tree });
  try {
    const result = await send(job, placed(request, packed.facts.key), packed.plan, undefined);
    return { ...result, tree: packed.facts };
  } finally {
    await packed.release();
  }
}

function placed(request: PushRequest, content: Digest): PlacedRequest {
  const { destination } = request;
  return { ...request, destination: typeof destination === 'function' ? destination(content) : destination };
}

/** @param from the repository that the content comes from */
async function send(
  job: JobContext,
  { env, destination, dryRun }: PlacedRequest,
  plan: PushPlan,
  from: ImageContent['repository'],
): Promise<PushResult> {
  const items: PushedItem[] = [];
  const total = [...plan.blobs, ...(plan.beside?.blobs ?? [])].reduce((sum, { size }) => sum + size, 0);
  const label = destination.reference(plan.root.digest);
  const { moved } = await Task.run(
    job,
    'upload',
    label,
    async (task) => {
      let done = 0;
      const transfer: Transfer = {
        dryRun,
        tell({ digest, size, kind }, outcome) {
          items.push({ digest, size, kind, outcome });
          done += size;
          task.advance(Math.min(done, total));
        },
      };
      if (destination.kind === 'layout') {
        const { pushToLayout } = await import('./to-layout.ts');
        return pushToLayout(job, plan, destination, transfer);
      }
      const { pushToRegistry } = await import('./to-registry.ts');
      return pushToRegistry(job, plan, destination, { ...transfer, env, from });
    },
    { total },
  );
  const { digest, mediaType } = plan.root;
  return {
    reference: destination.reference(digest),
    digest,
    mediaType,
    index: plan.index?.digest,
    attestations: plan.attestations,
    moved,
    items,
    sent: items.reduce((sum, { size, outcome }) => (outcome === 'sent' ? sum + size : sum), 0),
  };
}

function refuseTreeOptions({ epoch, annotations = [] }: TreeOptions): void {
  const given = epoch !== undefined ? '--mtime' : annotations.length > 0 ? '--annotation' : undefined;
  if (given === undefined) return;
  throw new CtxsrcError('E_USAGE', `${given} means nothing for an image`, {
    hint: 'an image is pushed byte for byte: leave the flag out',
  });
}

function tellWhatStays(job: JobContext, { root, index, attestations }: PushPlan): void {
  if (index === undefined) return;
  const inIt =
    attestations === 0 ? '' : `, with ${attestations} ${attestations === 1 ? 'attestation' : 'attestations'} in it`;
  const text = `one platform is pushed, ${root.digest}; the index ${index.digest} stays behind${inIt}`;
  job.progress.emit({ type: 'message', level: 'note', text, hint: '--all-platforms pushes the whole index' });
}
