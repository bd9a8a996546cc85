/** Which entry of a layout's `index.json` a reference means (see "References" of the command line). */
import { digestProblem, isDigest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { formatPlatformAll, type Platform } from '../../core/platform.ts';
import { type PlatformMatcher, platformMatcher } from '../../core/platform-match.ts';
import { listed, shortened } from '../../core/printable.ts';
import { CONTAINERD_NAME, REF_NAME } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/types.ts';
import { liesBeside } from '../no-image.ts';
import { noMatch } from '../select.ts';

export function tagOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[REF_NAME];
}

function containerdName(entry: Descriptor): string | undefined {
  return entry.annotations?.[CONTAINERD_NAME];
}

/**
 * What may follow the layout's path in a reference, each once: tags; for entries without a tag of their own,
 * containerd's name; for entries without either, the digest.
 */
export function layoutCandidates(entries: readonly Descriptor[]): readonly string[] {
  const digests = new Map<string, Set<string>>();
  for (const entry of entries) {
    const tag = tagOf(entry);
    if (tag !== undefined) digests.set(tag, (digests.get(tag) ?? new Set()).add(entry.digest));
  }
  return [
    ...new Set(
      entries.flatMap((entry) => {
        const tag = tagOf(entry);
        const name = containerdName(entry);
        if (tag === undefined) return [name ?? `@${entry.digest}`];
        return name !== undefined && digests.get(tag)!.size > 1 ? [tag, name] : [tag];
      }),
    ),
  ];
}

/** The platforms of an entry: undefined if unknown, empty if it is not an image. */
type PlatformsOf = (entry: Descriptor) => Promise<readonly Platform[] | undefined>;

export interface EntryRequest {
  readonly tag: string | undefined;
  readonly platform: Platform;
  /** The layout, for messages. */
  readonly where: string;
  /** A reference to an image of the layout, for hints; the suffix is `:TAG` or `@DIGEST`. */
  readonly reference: (suffix: string) => string;
  /** Called only if the name alone does not decide. */
  readonly platformsOf: PlatformsOf;
}

export interface ChosenEntry {
  readonly entry: Descriptor;
  /** The entries from which the platform selected, each with its platform; empty if the name alone decided. */
  readonly offered: readonly Descriptor[];
}

/** Each entry costs reading two documents; no real layout has so many images without names. */
const MAX_LOOKED_INTO = 100;

/**
 * The entry with that tag, else with that containerd name; without a tag `latest`, else the only image. Of several, the
 * one that fits the platform best.
 * @throws E_TAG_AMBIGUOUS, E_TAG_NOT_FOUND, E_NOT_AN_IMAGE if none is an image, E_PLATFORM_NOT_FOUND, E_NOT_FOUND for
 * an empty layout, E_LAYOUT_INVALID for an entry without a valid digest
 */
export async function chooseEntry(entries: readonly Descriptor[], request: EntryRequest): Promise<ChosenEntry> {
  const named = distinct(images(byName(entries, request)));
  if (named.length === 1) return { entry: valid(named[0]!, request.where), offered: [] };
  if (named.length > MAX_LOOKED_INTO) throw ambiguous(named, entries, request);
  const offered = await Promise.all(
    named.map(async (entry) => {
      const platforms = entry.platform === undefined ? await request.platformsOf(entry) : [entry.platform];
      return { entry, platforms };
    }),
  );
  const real = offered.filter(({ platforms }) => platforms?.length !== 0);
  if (real.length === 0) throw onlyArtifacts(named, request);
  if (real.length === 1) return { entry: valid(real[0]!.entry, request.where), offered: [] };
  const shown = real.flatMap(({ entry, platforms }): Descriptor[] =>
    platforms === undefined ? [entry] : platforms.map((platform) => ({ ...entry, platform })),
  );
  const best = fittest(shown, platformMatcher(request.platform));
  const [only, another] = distinct(best);
  if (only === undefined) throw noMatch(request.platform, request.where, shown);
  if (another !== undefined) throw ambiguous(shown, entries, request);
  const { entry } = offered.find(({ entry: { digest } }) => digest === only.digest)!;
  return { entry: valid(entry, request.where), offered: shown };
}

/** The entries that fit equally best. Those of unknown platform are among them: better ambiguous than guessed. */
function fittest(entries: readonly Descriptor[], matcher: PlatformMatcher): readonly Descriptor[] {
  let best: Platform | undefined;
  for (const { platform } of entries) {
    if (platform === undefined || !matcher.matches(platform)) continue;
    if (best === undefined || matcher.compare(platform, best) < 0) best = platform;
  }
  return entries.filter(({ platform }) => {
    if (platform === undefined) return true;
    return best !== undefined && matcher.matches(platform) && matcher.compare(platform, best) === 0;
  });
}

function byName(entries: readonly Descriptor[], request: EntryRequest): readonly Descriptor[] {
  const { tag, where } = request;
  const tagged = entries.filter((entry) => tagOf(entry) === (tag ?? 'latest'));
  if (tagged.length > 0) return tagged;
  if (tag === undefined) {
    if (entries.length === 0) throw new CtxsrcError('E_NOT_FOUND', `${where} holds no image`);
    return entries;
  }
  const known = entries.filter((entry) => containerdName(entry) === tag);
  if (known.length > 0) return known;
  const candidates = layoutCandidates(entries);
  const there = candidates.length === 0 ? 'it holds no image' : `there is ${listed(candidates)}`;
  throw new CtxsrcError('E_TAG_NOT_FOUND', `there is no tag ${tag} in ${where}: ${there}`, {
    hint: candidates.length === 0 ? undefined : namingHint(candidates, request),
    details: { candidates },
  });
}

/** The entries without those that accompany images (attestations, signatures), unless there are no others. */
function images(entries: readonly Descriptor[]): readonly Descriptor[] {
  const real = entries.filter((entry) => !liesBeside(entry));
  return real.length > 0 ? real : entries;
}

/** Each digest once; of an image that is listed with and without its platform, the first entry. */
function distinct(entries: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map([...entries].reverse().map((entry) => [entry.digest, entry])).values()].reverse();
}

function valid(entry: Descriptor, where: string): Descriptor {
  const problem = digestProblem(entry.digest);
  if (problem === undefined) return entry;
  const message = `index.json of ${where}: ${problem}: ${JSON.stringify(shortened(entry.digest))}`;
  throw new CtxsrcError('E_LAYOUT_INVALID', message, {
    hint: 'copy the image into the layout again',
  });
}

function onlyArtifacts(entries: readonly Descriptor[], request: EntryRequest): CtxsrcError {
  const candidates = namesOf(entries, new Set(entries.map(tagOf)));
  const message = `${request.where} holds no image of files but ${entries.length} artifacts`;
  return new CtxsrcError('E_NOT_AN_IMAGE', `${message}: there is ${listed(entries.map(described))}`, {
    hint: `to be told what one is and how it is had, ${namingHint(candidates, request)}`,
    details: { candidates },
  });
}

/**
 * @param entries the images that could be meant
 * @param all all entries of the layout
 */
function ambiguous(entries: readonly Descriptor[], all: readonly Descriptor[], request: EntryRequest): CtxsrcError {
  const { tag, where } = request;
  const known = distinct(entries);
  const asked = tag ?? (known.some((entry) => tagOf(entry) === 'latest') ? 'latest' : undefined);
  const what =
    asked === undefined
      ? `${where} holds several images and none is latest`
      : `tag ${asked} is on ${known.length} different images in ${where}`;
  const candidates = namesOf(known, new Set(all.map(tagOf)));
  return new CtxsrcError('E_TAG_AMBIGUOUS', `${what}: there is ${listed(entries.map(described))}`, {
    hint: namingHint([...candidates, ...known.map(({ digest }) => `@${digest}`)], request),
    details: { candidates },
  });
}

/** The name of each image that no other has: its tag, else containerd's name unless it is a tag, else its digest. */
function namesOf(entries: readonly Descriptor[], tags: ReadonlySet<string | undefined>): readonly string[] {
  const count = new Map<string, number>();
  for (const entry of entries) {
    for (const name of new Set([tagOf(entry), containerdName(entry)])) {
      if (name !== undefined) count.set(name, (count.get(name) ?? 0) + 1);
    }
  }
  return entries.map((entry) => {
    const tag = tagOf(entry);
    if (tag !== undefined && count.get(tag) === 1) return tag;
    const name = containerdName(entry);
    return name !== undefined && count.get(name) === 1 && !tags.has(name) ? name : `@${entry.digest}`;
  });
}

/** References to type, without names that cannot be typed. */
function namingHint(candidates: readonly string[], { reference }: EntryRequest): string {
  const typed = candidates.filter((name) =>
    name.startsWith('@') ? isDigest(name.slice(1)) : TYPED.test(name) && shortened(name) === name,
  );
  if (typed.length === 0) return 'copy the image into a layout of its own, and name that';
  const [first, second] = typed.map((name) => reference(name.startsWith('@') ? name : `:${name}`));
  return `name one of them: ${first}${second === undefined ? '' : ` or ${second}`}`;
}

const TYPED = /^[\w.:/+-]+$/;

/** An entry in a list: tag, containerd's name, platform and digest, as far as it has them. */
function described(entry: Descriptor): string {
  const tag = tagOf(entry);
  const name = containerdName(entry);
  const platform = entry.platform === undefined ? undefined : formatPlatformAll(entry.platform);
  return [tag, name === tag ? undefined : name, platform, `@${entry.digest}`]
    .filter((part) => part !== undefined)
    .map(shortened)
    .join(' ');
}
