/** Builds kept, compared and known: `ctxsrc key --build --save` and `--known`, `diff --build`, `inputs --names`. */
import { resolve as resolvePath } from 'node:path';
import type { BuildKey } from '../build/answer.ts';
import type { BuildDiffReport } from '../build/diff/report.ts';
import type { ChangedInputs } from '../build/earlier.ts';
import type { KnownReport } from '../build/known.ts';
import { type Check, members, nonEmpty } from '../core/check-options.ts';
import type { Digest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { isObject } from '../core/is-object.ts';
import { printable } from '../core/printable.ts';
import { refuseIncomplete } from '../source/incomplete.ts';
import { type BakeOptions, inBake } from './bake.ts';
import { BUILD, type Build, inBuild, withAnswer } from './build.ts';
import { PLACE, type PlaceOptions } from './options.ts';
import { inPlace, sinceOf, untilAborted } from './place.ts';

/** A file that `saveBuild`, or `key --build --save`, has written. */
export interface SavedBuild {
  /** Its path. */
  readonly saved: string;
}

/** A target of a bake or compose file, as a build. */
export interface TargetOfFile extends Pick<BakeOptions, 'buildPlatform' | 'with' | 'modes'> {
  /** Path of the file. */
  readonly from: string;
  /** Its name; `default` when absent. */
  readonly target?: string | undefined;
}

/** The references of a build. */
export interface BuildNames {
  /** Each once, in the order of first use. */
  readonly names: readonly string[];
  /** Images that could not be asked for `ENV` and `ONBUILD`, which may lead to more: offline, and not in the store. */
  readonly unasked: readonly string[];
}

/** A file that lists keys, one a line, as `key --build` prints them. */
export interface KeyList {
  /** Its path; one that is not there lists none. */
  readonly file: string;
}

const SAVED = { saved: nonEmpty } satisfies Record<keyof SavedBuild, Check>;
const TARGET = {
  from: nonEmpty,
  target: nonEmpty,
  buildPlatform: BUILD.buildPlatform,
  with: BUILD.with,
  modes: BUILD.modes,
} satisfies Record<keyof TargetOfFile, Check>;
const LIST = { file: nonEmpty } satisfies Record<keyof KeyList, Check>;

/**
 * The references of a build, without digests or keys: what `inputs --names` prints.
 * @param build the build, or its context alone
 * @throws CtxsrcError as `buildKey`; with `strict` `E_OFFLINE` where `unasked` has any
 */
export async function inputNames(build: Build | string = '.', options: PlaceOptions = {}): Promise<BuildNames> {
  return inBuild(build, options, async (request, work) => {
    const { buildNames } = await import('../build/build-names.ts');
    const { refs, unasked } = await buildNames(request, work);
    if (options.strict === true && unasked.length > 0) {
      throw new CtxsrcError(
        'E_OFFLINE',
        `offline ${unasked.map(printable).join(', ')} cannot be asked for ENV and ONBUILD`,
        {
          hint: 'leave offline out, or name the images by digest',
        },
      );
    }
    return { names: refs, unasked };
  });
}

/**
 * Keeps in a file what the key of a build is made of, in digests, for `diffBuilds`.
 * @param build the build, its context alone, or a target of a bake file
 * @param file the file to write
 * @returns the key of the build
 * @throws CtxsrcError as `buildKey`, `E_IO`
 */
export async function saveBuild(
  build: Build | TargetOfFile | string,
  file: string,
  options: PlaceOptions = {},
): Promise<Digest> {
  nonEmpty(file, 'file');
  return withKey(build, options, async (answer) => {
    const [{ savedText }, { replaceFile }] = await Promise.all([
      import('../build/diff/saved.ts'),
      import('../snapshot/write/replace-file.ts'),
    ]);
    await replaceFile(resolvePath(file), savedText(answer.document, await answer.detail()), `the file ${file}`);
    return answer.key;
  });
}

/**
 * Why the keys of two builds differ: in a sentence, then by argument, image, instruction and path.
 * @param a a build, its context alone, a target of a bake file, or the file of `saveBuild`
 * @param b the other one
 * @throws CtxsrcError as `buildKey`; `E_USAGE`, `E_CONTENT_INVALID` for a file that is not one of `saveBuild`
 */
export async function diffBuilds(
  a: ComparedSide,
  b: ComparedSide,
  options: PlaceOptions = {},
): Promise<BuildDiffReport> {
  const sides = [await comparedSide(a, options), await comparedSide(b, options)] as const;
  const { buildDiffReport } = await import('../build/diff/report.ts');
  return buildDiffReport([nameOf(a), nameOf(b)], sides);
}

/** A side of `diffBuilds`. */
export type ComparedSide = Build | TargetOfFile | SavedBuild | string;

const isSaved = (side: ComparedSide): side is SavedBuild => isObject(side) && 'saved' in side;
const isTarget = (side: ComparedSide): side is TargetOfFile => isObject(side) && 'from' in side;

function nameOf(side: ComparedSide): string {
  if (typeof side === 'string') return side;
  if (isSaved(side)) return side.saved;
  return isTarget(side) ? (side.target ?? 'default') : (side.context ?? '.');
}

async function comparedSide(side: ComparedSide, options: PlaceOptions) {
  const { comparedBuild, readSavedFile } = await import('../build/diff/saved.ts');
  if (!isSaved(side)) {
    return withKey(side, options, async (answer) =>
      comparedBuild(answer.document, await answer.detail(), nameOf(side)),
    );
  }
  members(PLACE)(options, '');
  members(SAVED)(side, 'build');
  return untilAborted(options.signal, (signal) => readSavedFile(side.saved, process.cwd(), signal));
}

/** Asks for the key of a build, and does work with the answer. */
async function withKey<T>(
  build: Build | TargetOfFile | string,
  options: PlaceOptions,
  use: (answer: BuildKey) => Promise<T>,
): Promise<T> {
  const { keyOfBuild } = await import('../build/build-key.ts');
  if (!isTarget(build)) {
    return inBuild(build, options, async (request, work) => {
      const answer = await keyOfBuild(request, work);
      if (options.strict === true) refuseIncomplete([answer], `the key of ${answer.file}`);
      return use(answer);
    });
  }
  members(TARGET)(build, 'build');
  const { from, target = 'default', ...more } = build;
  return inBake(from, { ...options, ...more, targets: [target] }, keyOfBuild, async ({ answers }) => {
    const { answerFor } = await import('../build/bake/answers.ts');
    return use(answerFor(answers, [target], `one target of ${printable(from)} is needed`).answer);
  });
}

/**
 * Whether a build with this key was done before, and what says so: a repository, asked by one request for the tag
 * `ctxsrc-HEX` of an image that was pushed, or a list.
 * @param key of `buildKey`
 * @param memory `docker-image://HOST/NAME`, without a tag, or a list
 * @throws CtxsrcError `E_USAGE`, `E_OFFLINE`, `E_UNAUTHORIZED` and others of a registry; a repository that is not there has no tag
 */
export async function known(key: Digest, memory: string | KeyList, options: PlaceOptions = {}): Promise<KnownReport> {
  members(PLACE)(options, '');
  const isRepository = typeof memory === 'string';
  (isRepository ? nonEmpty : members(LIST))(memory, 'memory');
  const { memoryOfList, memoryOfRepository } = await import('../build/known.ts');
  const ask = isRepository ? memoryOfRepository(memory, 'memory') : memoryOfList(memory.file, process.cwd());
  return inPlace(options, ({ env, job }) => ask(job, env, key));
}

/**
 * True if the repository has an image that was pushed under this key; `known` in one word.
 * @param key of `buildKey`
 * @param repository `docker-image://HOST/NAME`, without a tag
 * @throws CtxsrcError as `known`
 */
export async function isBuilt(key: Digest, repository: string, options: PlaceOptions = {}): Promise<boolean> {
  return (await known(key, repository, options)).known;
}

/**
 * What of a build has changed since an earlier document of `inputs --json`, as `inputs --changed-since` tells it.
 * @param build the build, or its context alone
 * @param since path of the document; one that is not there has nothing
 * @throws CtxsrcError `E_CONFIG` for another document, and as `buildKey`
 */
export async function changedInputs(
  build: Build | string,
  since: string,
  options: PlaceOptions = {},
): Promise<ChangedInputs> {
  nonEmpty(since, 'since');
  return withAnswer(build, options, async (answer, job) => {
    const { changedInputs: changes, readEarlierInputs } = await import('../build/earlier.ts');
    return changes(answer, await readEarlierInputs(since, sinceOf(job)));
  });
}
