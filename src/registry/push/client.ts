/** Everything that pushing to one repository needs; the only place that asks for the right to push. */
import type { JobContext } from '../../contract/session.ts';
import type { NetworkOptions } from '../../contract/source.ts';
import type { Digest } from '../../core/digest.ts';
import type { Variables } from '../../core/home.ts';
import { createHttpClient } from '../../http/client.ts';
import { type Clock, systemClock } from '../../http/clock.ts';
import { createApi } from '../api.ts';
import { endpointsFor, type RepositoryName } from '../mirrors.ts';
import type { OutgoingBlob } from './blob.ts';
import { losesContent, MissingContent, named, type OutgoingManifest, putManifest, storedManifest } from './manifest.ts';
import { Pace } from './pace.ts';
import { pushScope } from './scope.ts';
import type { PushTarget } from './target.ts';
import { hasBlob, testUpload, uploadBlob } from './upload.ts';

export interface PushClient {
  readonly pace: Pace;
  /** The digest of what the tag names now. The first request of a push. Errors: as `RegistryClient.resolve`. */
  tagged(job: JobContext, like: Digest, tag: string): Promise<string | undefined>;
  hasBlob(job: JobContext, blob: OutgoingBlob): Promise<boolean>;
  /** Errors: those of `uploadBlob`. */
  upload(job: JobContext, blob: OutgoingBlob): Promise<'mounted' | 'sent'>;
  /** The manifest or index that the repository has under this digest, verified. */
  manifest(job: JobContext, digest: Digest): Promise<Uint8Array>;
  hasManifest(job: JobContext, digest: Digest): Promise<boolean>;
  /**
   * Puts a manifest under a tag or its digest. What the registry says it lacks is waited for, then sent again, once.
   * @param repair sends what was named, or everything, again
   * @returns true if the registry keeps the list of the referrers of what it is about
   */
  put(
    job: JobContext,
    manifest: OutgoingManifest,
    reference: string,
    repair: (missing: ReadonlySet<string>) => Promise<void>,
  ): Promise<boolean>;
  /** Begins an upload and ends it, to see whether this caller may push. Errors: those of `uploadBlob`. */
  mayPush(job: JobContext): Promise<void>;
  close(): Promise<void>;
}

/** Waits for content that a registry shows late, in milliseconds: three seconds together. */
const SHOWN_LATE = [500, 1000, 1500];

/**
 * @param options.from the repository that the content comes from: blobs are mounted if it is in the same registry
 */
export function createPushClient(options: {
  readonly network: NetworkOptions;
  readonly name: RepositoryName;
  readonly from: RepositoryName | undefined;
  readonly env?: Variables | undefined;
  readonly clock?: Clock | undefined;
}): PushClient {
  const { network, name, from, clock = systemClock } = options;
  const http = createHttpClient(options);
  // A mirror has copies; what is pushed goes to the registry itself.
  const [endpoint] = endpointsFor(name, []);
  const besides = from?.host === name.host && from.repository !== name.repository ? from.repository : undefined;
  const target: PushTarget = {
    api: createApi(http, network, clock, (repository) => [pushScope(repository)]),
    endpoint,
    policy: http.policy,
    pace: new Pace(network.parallel, clock),
    mounts:
      besides === undefined
        ? undefined
        : {
            api: createApi(http, network, clock, (repository) => [pushScope(repository), `repository:${besides}:pull`]),
            from: besides,
          },
    chunk: undefined,
  };
  return {
    pace: target.pace,
    tagged: (job, like, tag) => named(job, target, like, tag, { first: true }),
    hasBlob: (job, blob) => hasBlob(job, target, blob),
    upload: (job, blob) => uploadBlob(job, target, blob),
    manifest: (job, digest) => storedManifest(job, target, digest),
    hasManifest: async (job, digest) => (await named(job, target, digest, digest)) === digest,
    async put(job, manifest, reference, repair) {
      for (const wait of [...SHOWN_LATE, undefined]) {
        try {
          return await putManifest(job, target, manifest, reference);
        } catch (error) {
          if (!(error instanceof MissingContent)) throw error;
          if (wait === undefined) await repair(error.digests);
          else await clock.sleep(wait, job.signal);
        }
      }
      try {
        return await putManifest(job, target, manifest, reference);
      } catch (error) {
        throw error instanceof MissingContent ? losesContent(error, target) : error;
      }
    },
    mayPush: (job) => testUpload(job, target),
    close: () => http.close(),
  };
}
