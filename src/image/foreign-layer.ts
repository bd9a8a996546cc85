/** Layers that are not with their image but at the URLs in their descriptors. */
import type { JobContext } from '../contract/session.ts';
import type { SourceEnv } from '../contract/source.ts';
import type { IngestSource } from '../contract/store.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import type { Resume } from '../http/resume.ts';
import type { Descriptor } from '../oci/types.ts';
import { sharedClient } from '../registry/shared-client.ts';
import type { ContentProvider } from './provider.ts';

/** True if a missing layer may be at the URLs of its descriptor. */
export function isElsewhere(error: unknown, { urls }: Descriptor): boolean {
  return urls !== undefined && (isCtxsrcError(error, 'E_BLOB_NOT_FOUND') || isCtxsrcError(error, 'E_NOT_FOUND'));
}

/**
 * The layer, from its image or from its URLs. Not verified.
 * @throws what the provider and `RegistryClient.foreignBlob` throw; E_OFFLINE
 */
export async function layerFrom(
  job: JobContext,
  { network, offline }: SourceEnv,
  provider: ContentProvider,
  descriptor: Descriptor,
  resume: Resume,
): Promise<IngestSource> {
  try {
    return await provider.layer(job, descriptor, resume);
  } catch (error) {
    if (!isElsewhere(error, descriptor)) throw error;
    const { digest, urls = [] } = descriptor;
    const what = `layer ${digest} of ${provider.storeName}`;
    if (offline) {
      throw new CtxsrcError('E_OFFLINE', `${what} is at ${hostsOf(urls)} only, and --offline forbids asking there`, {
        cause: error,
        hint: 'run the same command once without --offline',
      });
    }
    const text = `${what} is not with its image: asking ${hostsOf(urls)}`;
    job.progress.emit({ type: 'message', level: 'verbose', text });
    return (await sharedClient(network)).foreignBlob(job, { digest, urls, what }, provider.repository, resume);
  }
}

function hostsOf(urls: readonly string[]): string {
  const hosts = urls.slice(0, 8).map((url) => (URL.canParse(url) ? new URL(url).host : 'no address'));
  return [...new Set(hosts)].join(', ');
}
