/** Which differences are asked for: kinds of them, and paths that are left out (`--only`, `--ignore`). */
import { CtxsrcError } from '../../core/errors.ts';
import { bytesOfText } from '../../fs/byte-string.ts';
import { PatternMatcher } from '../../fs/match/patterns.ts';
import type { FactDifference } from './facts.ts';
import { INDEX_FACTS } from './index-facts.ts';
import type { PathDifference } from './path-difference.ts';

/** Kinds of files first, then those of images; `created` are the times of an image, `packing` how its layers are. */
const FILE_KINDS = ['content', 'mode', 'owner', 'link', 'xattr', 'time'] as const;
const FACT_KINDS = ['config', 'created', 'history', 'annotations', 'packing'] as const;

export type DiffKind = (typeof FILE_KINDS)[number] | (typeof FACT_KINDS)[number];

const KINDS: ReadonlySet<string> = new Set([...FILE_KINDS, ...FACT_KINDS]);

export class DiffFilter {
  readonly #only: ReadonlySet<string> | undefined;
  readonly #ignored: ReadonlySet<string>;
  readonly #paths: PatternMatcher | undefined;
  /** Differences of paths that were left out. */
  leftOut = 0;
  /** Differences of facts that were left out, but for digests, and what the layers and the settings tell. */
  leftOutFacts = 0;

  /**
   * @param only kinds, each text one or several with commas
   * @param ignore the same, or a pattern as in an ignore file; `./mode` is the path `mode`
   * @throws CtxsrcError `E_USAGE` for an unknown kind, `E_PATTERN`
   */
  constructor(only: readonly string[] = [], ignore: readonly string[] = []) {
    const wanted = only.flatMap((text) => text.split(','));
    const unknown = wanted.find((kind) => !KINDS.has(kind));
    if (unknown !== undefined) {
      throw new CtxsrcError('E_USAGE', `--only ${JSON.stringify(unknown)} is no kind of difference`, {
        hint: `it takes ${[...KINDS].join(', ')}`,
      });
    }
    const isKinds = (text: string): boolean => text.split(',').every((kind) => KINDS.has(kind));
    const patterns = ignore.filter((text) => !isKinds(text));
    this.#only = only.length === 0 ? undefined : new Set(wanted);
    this.#ignored = new Set(ignore.filter(isKinds).flatMap((text) => text.split(',')));
    this.#paths = patterns.length === 0 ? undefined : new PatternMatcher(patterns);
  }

  /** Something is left out. */
  get isSet(): boolean {
    return this.#only !== undefined || this.#ignored.size > 0 || this.#paths !== undefined;
  }

  /** The question cannot be answered without files. */
  get asksForFiles(): boolean {
    if (this.#only !== undefined) return FILE_KINDS.some((kind) => this.#only?.has(kind));
    return this.#paths !== undefined || FILE_KINDS.some((kind) => this.#ignored.has(kind));
  }

  /** Files are among what is asked for. */
  get takesFiles(): boolean {
    return FILE_KINDS.some((kind) => this.takesKind(kind));
  }

  /** A kind is asked for by its name. */
  names(kind: DiffKind): boolean {
    return this.#only?.has(kind) === true;
  }

  takesKind(kind: DiffKind): boolean {
    return (this.#only === undefined || this.#only.has(kind)) && !this.#ignored.has(kind);
  }

  takesPath(difference: PathDifference): boolean {
    const path = difference.pathBytes === true ? difference.path : bytesOfText(difference.path);
    const taken = this.takesKind(kindOfPath(difference)) && this.#paths?.matchesOrParentMatches(path) !== true;
    if (!taken) this.leftOut += 1;
    return taken;
  }

  /** A fact with those of its members that are asked for; undefined if none is. */
  ofFact(fact: FactDifference): FactDifference | undefined {
    if (!this.isSet) return fact;
    if (fact.what !== 'configuration') {
      if (this.takesKind(kindOfFact(fact))) return fact;
      if (!TOLD.has(fact.what) && fact.name !== 'platform') this.leftOutFacts += 1;
      return undefined;
    }
    const members = fact.members?.filter((member) => this.takesKind(kindOfMember(member)));
    return members === undefined || members.length === 0 ? undefined : { ...fact, members };
  }
}

function kindOfPath({ what }: PathDifference): DiffKind {
  if (what === 'target') return 'link';
  return what === 'mode' || what === 'owner' || what === 'xattr' || what === 'time' ? what : 'content';
}

const DIGESTS: ReadonlySet<string> = new Set(['digest', 'manifest', 'config']);

/** A fact that changes with each other one. */
export const isDigest = ({ what }: FactDifference): boolean => DIGESTS.has(what);

const ANNOTATIONS: ReadonlySet<string> = new Set(['annotations', 'indexAnnotations', 'descriptorAnnotations']);

const PACKING: ReadonlySet<string> = new Set([...DIGESTS, ...INDEX_FACTS, 'mediaType', 'platforms']);

/** Facts that the rows of layers, settings and the index tell, or that follow from others. */
export const TOLD_ELSEWHERE: ReadonlySet<string> = new Set([
  ...DIGESTS,
  ...ANNOTATIONS,
  ...INDEX_FACTS,
  ...['layer', 'configuration', 'platforms', 'imagePlatform', 'key'],
]);

/** Facts that are counted as layers and settings, or with others. */
const TOLD: ReadonlySet<string> = new Set([...DIGESTS, ...ANNOTATIONS, 'layer', 'platform', 'platforms']);

function kindOfFact({ what, sameContent }: FactDifference): DiffKind {
  if (ANNOTATIONS.has(what)) return 'annotations';
  if (what === 'layer') return sameContent === true ? 'packing' : 'content';
  return PACKING.has(what) ? 'packing' : 'config';
}

function kindOfMember(member: string): DiffKind {
  if (member === 'created' || member === 'history') return member;
  return member.startsWith('rootfs') ? 'packing' : 'config';
}
