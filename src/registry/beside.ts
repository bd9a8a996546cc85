/** What a registry has beside an image: its referrers (distribution-spec, "Listing Referrers"), and tags made from its digest. */
import type { JobContext } from '../contract/session.ts';
import type { Companion } from '../contract/source.ts';
import type { Digest } from '../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { readAll } from '../http/body.ts';
import type { RequestSubject } from '../http/errors.ts';
import { cosignTags, referrersTag } from '../oci/companion-tags.ts';
import { decodeIndex } from '../oci/decode.ts';
import { MEDIA_TYPE } from '../oci/media-types.ts';
import type { Descriptor } from '../oci/types.ts';
import type { Api } from './api.ts';
import { hasTagAt, resolveAt } from './manifests.ts';
import type { Endpoint } from './mirrors.ts';
import { nextPage } from './tags.ts';

const LARGEST_PAGE = 4 * 1024 * 1024;
/** This bounds a server that links pages endlessly. */
const MOST_PAGES = 100;

/** `RegistryClient.beside` at one endpoint. */
export async function besideAt(
  job: JobContext,
  api: Api,
  endpoint: Endpoint,
  subject: Digest,
): Promise<readonly Companion[]> {
  const referrers = await referrersAt(job, api, endpoint, subject);
  // Some registries answer with an empty list without keeping one.
  const tags = [...(referrers.length === 0 ? [referrersTag(subject)] : []), ...cosignTags(subject)];
  const tagged = await Promise.all(
    tags.map(async (tag): Promise<readonly Companion[]> => {
      if (!(await hasTagAt(job, api, endpoint, tag))) return [];
      return [{ tag, descriptor: (await resolveAt(job, api, endpoint, tag)).descriptor }];
    }),
  );
  return [...referrers.map((descriptor) => ({ descriptor })), ...tagged.flat()];
}

/**
 * The referrers that the registry lists. Whoever does not know the request answers it somehow (401, 404, a page in
 * HTML): all this means that there is no list, and tags decide. Once a page has come, a list without the next one would
 * look whole, so its failure is an error.
 */
async function referrersAt(
  job: JobContext,
  api: Api,
  endpoint: Endpoint,
  digest: Digest,
): Promise<readonly Descriptor[]> {
  const { host, repository } = endpoint;
  const subject: RequestSubject = { host, kind: 'tags', what: `the referrers of ${host}/${repository}@${digest}` };
  const found: Descriptor[] = [];
  const seen = new Set<string>();
  let path: string | undefined = `referrers/${digest}`;
  while (path !== undefined && !seen.has(path)) {
    if (seen.size === MOST_PAGES) {
      throw new CtxsrcError('E_LIMIT', `${host} lists ${subject.what} in more than ${MOST_PAGES} pages`, {
        hint: 'leave --attestations out, and copy those that are needed',
      });
    }
    const isFirst = seen.size === 0;
    seen.add(path);
    const headers = { accept: MEDIA_TYPE.ociIndex };
    const answer = await api.open(job, endpoint, { method: 'GET', path, headers, subject });
    if (answer.status !== 200) {
      if (!isFirst) throw await api.refusal(job, endpoint, subject, answer);
      answer.discard();
      return found;
    }
    try {
      const bytes = await readAll(answer, LARGEST_PAGE, subject);
      found.push(...decodeIndex(bytes, MEDIA_TYPE.ociIndex, subject.what).value.manifests);
    } catch (error) {
      if (isFirst && isCtxsrcError(error, 'E_MANIFEST_INVALID')) return found;
      throw error;
    }
    const next = nextPage(answer.headers, answer.url);
    path = next === undefined ? undefined : `referrers/${digest}${next.search}`;
  }
  return found;
}
