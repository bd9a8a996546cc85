/** The tags of a repository (distribution-spec, "Content Discovery"): pages, and suggestions for a missing tag. */
import type { JobContext } from '../contract/session.ts';
import { editDistance } from '../core/closest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { jsonObject } from '../core/is-object.ts';
import type { HttpAnswer } from '../http/client.ts';
import { headerValues, type ResponseHeaders, urlText } from '../http/headers.ts';
import type { Api } from './api.ts';
import type { Endpoint } from './mirrors.ts';

/** Some registries send all tags in one page, and some repositories have hundreds of thousands. */
const LARGEST_PAGE = 16 * 1024 * 1024;
const TAGS_PER_PAGE = 1000;
/** A server may send smaller pages than requested; this bounds a server that sends empty pages endlessly. */
const MOST_PAGES = 100;

/** Tags of a repository at one endpoint, at most `limit`, of at most 100 pages. */
export async function tagsAt(
  job: JobContext,
  api: Api,
  endpoint: Endpoint,
  limit: number,
  retries?: number,
): Promise<readonly string[]> {
  const { host, repository } = endpoint;
  const subject = { host, kind: 'tags', what: `the tags of ${host}/${repository}` } as const;
  const tags: string[] = [];
  // Stops at a page that was seen before: some servers link pages in a circle.
  const seen = new Set<string>();
  let path: string | undefined = `tags/list?n=${Math.min(limit, TAGS_PER_PAGE)}`;
  while (path !== undefined && tags.length < limit && !seen.has(path) && seen.size < MOST_PAGES) {
    seen.add(path);
    const page: HttpAnswer = await api.fetch(job, endpoint, { method: 'GET', path, subject, retries }, LARGEST_PAGE);
    for (const tag of readTags(page.bytes)) tags.push(tag);
    const next = nextPage(page.headers, page.url);
    path = next === undefined ? undefined : `tags/list${next.search}`;
  }
  return tags.slice(0, limit);
}

/** The error for a missing tag, with similar tags if the registry lists them at the first attempt. */
export async function suggestTags(
  job: JobContext,
  api: Api,
  endpoint: Endpoint,
  tag: string,
  error: CtxsrcError,
): Promise<CtxsrcError> {
  let tags: readonly string[];
  try {
    tags = await tagsAt(job, api, endpoint, TAGS_PER_PAGE, 0);
  } catch (failure) {
    if (job.signal.aborted || !(failure instanceof CtxsrcError)) throw failure;
    return error;
  }
  const candidates = closestTags(tags, tag);
  if (candidates.length === 0) return error;
  return error.with({
    details: { candidates },
    hint: `tags there: ${candidates.join(', ')}${tags.length > candidates.length ? ', …' : ''}`,
  });
}

const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** The well-formed tags of a page; none if the document is not a list of tags. */
function readTags(bytes: Uint8Array): readonly string[] {
  const tags = jsonObject(Buffer.from(bytes).toString())?.tags;
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string' && TAG.test(tag)) : [];
}

/** The URL of the next page (RFC 8288, `rel="next"`), below the API of the same server; undefined on the last page. */
export function nextPage(headers: ResponseHeaders, from: URL): URL | undefined {
  for (const value of headerValues(headers, 'link')) {
    const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(urlText(value))?.[1];
    if (target === undefined || !URL.canParse(target, from.href)) continue;
    const url = new URL(target, from);
    if (url.origin === from.origin && url.pathname.startsWith('/v2/')) return url;
  }
  return undefined;
}

/** The tags most similar to the requested one, best first. */
function closestTags(tags: readonly string[], wanted: string): readonly string[] {
  return [...new Set(tags)]
    .map((tag) => ({ tag, distance: distance(tag, wanted) }))
    .sort((a, b) => a.distance - b.distance || (a.tag < b.tag ? -1 : 1))
    .slice(0, 5)
    .map(({ tag }) => tag);
}

/** A tag that begins with the other one is near, whatever its length. */
function distance(tag: string, wanted: string): number {
  return tag.startsWith(wanted) || wanted.startsWith(tag) ? 1 : editDistance(tag, wanted);
}
