/** The steps of two documents, each told by everything that it comes from: which of them BuildKit runs anew. */
import { sha256 } from '../../core/digest.ts';
import { stableJson } from '../../core/stable-json.ts';
import type { StepDetail } from '../build-detail.ts';
import type { BuildDifference } from './difference.ts';
import type { ComparedBuild } from './saved.ts';

/** For each step, by platform and position, a digest of it with all steps before it. */
type Identities = ReadonlyMap<string, readonly string[]>;

function identitiesOf({ document }: ComparedBuild): Identities {
  return new Map(
    document.platforms.map(({ platform, steps }) => {
      const digests: string[] = [];
      for (const { operation, inputs } of steps) {
        const from = inputs.map(({ step, ...input }) => ({ ...input, from: digests[Number(step)] }));
        digests.push(sha256(stableJson({ operation, from })));
      }
      return [platform, digests];
    }),
  );
}

/** The steps that run anew. */
export interface Rebuilt {
  /** Number of steps of the second build that the first has not. */
  readonly steps: number;
  /** Number of all steps of the second build. */
  readonly of: number;
  /** Place of the first of them. */
  readonly first?: string;
}

export function rebuiltSteps(a: ComparedBuild, b: ComparedBuild): Rebuilt {
  const news = newSteps(identitiesOf(a), b);
  const of = b.document.platforms.reduce((sum, { steps }) => sum + steps.length, 0);
  const place = news.map(({ at }) => at).find((at) => at !== undefined);
  return {
    steps: news.length,
    of,
    ...(place === undefined ? {} : { first: placeText(b.detail.file, place) }),
  };
}

/** Steps whose digest is not among the known ones, in the order of the document. */
function newSteps(known: Identities, b: ComparedBuild): { readonly at: StepDetail | undefined }[] {
  const seen = new Set([...known.values()].flat());
  // The last of equal ones would win: the first place of a step is the one to tell.
  const places = new Map(b.detail.steps.map((one) => [`${one.platform} ${one.step}`, one] as const).reverse());
  return [...identitiesOf(b)].flatMap(([platform, digests]) =>
    digests.flatMap((digest, step) => (seen.has(digest) ? [] : [{ at: places.get(`${platform} ${step}`) }])),
  );
}

/** What the instruction of each line makes, by the digests of its steps; none for one that makes nothing. */
export function madeByLine(build: ComparedBuild): ReadonlyMap<number, ReadonlySet<string>> {
  const identities = identitiesOf(build);
  const made = new Map<number, Set<string>>();
  for (const { line, platform, step, onbuildOf } of build.detail.steps) {
    if (onbuildOf !== undefined) continue;
    const digests = made.get(line) ?? new Set();
    made.set(line, digests.add(`${platform} ${identities.get(platform)?.[step]}`));
  }
  return made;
}

/** What differs in the documents themselves: the last resort where nothing else does. */
export function documentDifferences(a: ComparedBuild, b: ComparedBuild): BuildDifference[] {
  if (a.document.version !== b.document.version) {
    const [from, to] = [String(a.document.version), String(b.document.version)];
    return [{ mark: '~', kind: 'document', subject: 'the form of the document', from, to }];
  }
  const places = newSteps(identitiesOf(a), b).flatMap(({ at }) => at ?? []);
  const subjects = new Set(places.map((at) => placeText(b.detail.file, at)));
  if (subjects.size > 0) {
    return [...subjects].map((subject) => ({ mark: '~', kind: 'step', subject, what: 'which is made in another way' }));
  }
  return [{ mark: '~', kind: 'document', subject: 'the order or the number of the steps' }];
}

function placeText(file: string, { line, instruction, onbuildOf }: StepDetail): string {
  return onbuildOf === undefined
    ? `${file}:${line} ${instruction}`
    : `${file}:${line} ONBUILD ${instruction} of ${onbuildOf}`;
}
