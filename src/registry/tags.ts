/** The tags of a repository (distribution-spec, "Content Discovery"): pages, and which of them could have been meant. */
import { headerValues, type ResponseHeaders } from './headers.ts';

const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** The well-formed tags of a page; none when the document is not a list of tags. */
export function readTags(bytes: Uint8Array): readonly string[] {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return [];
  }
  const tags = typeof document === 'object' && document !== null ? (document as { tags?: unknown }).tags : undefined;
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string' && TAG.test(tag)) : [];
}

/** Where the next page is (RFC 8288, `rel="next"`), below the API of the same server; undefined on the last page. */
export function nextPage(headers: ResponseHeaders, from: URL): URL | undefined {
  for (const value of headerValues(headers, 'link')) {
    const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(value)?.[1];
    if (target === undefined || !URL.canParse(target, from.href)) continue;
    const url = new URL(target, from);
    if (url.origin === from.origin && url.pathname.startsWith('/v2/')) return url;
  }
  return undefined;
}

/** The tags most like the one asked for, best first. */
export function closestTags(tags: readonly string[], wanted: string, count = 5): readonly string[] {
  return [...new Set(tags)]
    .map((tag) => ({ tag, distance: distance(tag, wanted) }))
    .sort((a, b) => a.distance - b.distance || (a.tag < b.tag ? -1 : 1))
    .slice(0, count)
    .map(({ tag }) => tag);
}

/** Levenshtein's distance; a tag that begins with the other is near whatever its length. */
function distance(a: string, b: string): number {
  if (a.startsWith(b) || b.startsWith(a)) return 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
