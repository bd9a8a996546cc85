/** The targets of a bake or compose file: `ctxsrc inputs --from`, `--changed-since`. */
import type { BuildKey, BuildRequest, BuildWork } from '../build/answer.ts';
import type { BakeAnswers } from '../build/bake/ask.ts';
import type { ChangedReport } from '../build/bake/changed.ts';
import { type BakeReport, bakeReport } from '../build/report.ts';
import type { BuildSources } from '../build/sources.ts';
import { type Check, list, members, nonEmpty } from '../core/check-options.ts';
import { refuseIncomplete } from '../source/incomplete.ts';
import { BUILD, type Build, lineOf } from './build.ts';
import { PLACE, type PlaceOptions } from './options.ts';
import { inPlace, noteTo, type Place, sinceOf } from './place.ts';

/** Options of `bakeInputs` and `changedSince`. */
export interface BakeOptions extends PlaceOptions, Pick<Build, 'buildPlatform' | 'with' | 'modes'> {
  /** Names of targets and groups; the default ones when absent. */
  readonly targets?: readonly string[] | undefined;
}

const BAKE = {
  ...PLACE,
  buildPlatform: BUILD.buildPlatform,
  with: BUILD.with,
  modes: BUILD.modes,
  targets: list,
} satisfies Record<keyof BakeOptions, Check>;

/**
 * The targets of a bake or compose file as builds, each with its key and its inputs. A file that needs evaluation is
 * handed to buildx, where that is installed.
 * @param file path of the file
 * @throws CtxsrcError `E_CONFIG` for a file that cannot be read as it stands, and as `buildKey`
 */
export async function bakeInputs(file: string, options: BakeOptions = {}): Promise<BakeReport> {
  const { buildKey: ask } = await import('../build/build-key.ts');
  return inBake(file, options, ask, async (answers) => bakeReport(answers));
}

/**
 * The targets of a bake or compose file that have to be built, as `inputs --changed-since` lists them.
 * @param file path of the file
 * @param since what remembers keys: `docker-image://HOST/NAME`, or the path of a document of `inputs --json`; a file that is not there knows none
 * @throws CtxsrcError `E_USAGE` for a repository with a tag, `E_CONFIG` for another document, and as `bakeInputs` and `known`
 */
export async function changedSince(file: string, since: string, options: BakeOptions = {}): Promise<ChangedReport> {
  nonEmpty(since, 'since');
  const [{ keyOfBuild }, { changedTargets, memorySince }] = await Promise.all([
    import('../build/build-key.ts'),
    import('../build/bake/changed.ts'),
  ]);
  return inBake(file, options, keyOfBuild, async (answers, { env, job }) => {
    const { memory } = await memorySince(since, sinceOf(job));
    return changedTargets(job, env, answers, memory);
  });
}

/** Reads a bake file, asks about its targets, and does work with the answers. */
export async function inBake<T extends BuildKey, R>(
  file: string,
  options: BakeOptions,
  ask: (request: BuildRequest, work: BuildWork, sources: BuildSources) => Promise<T>,
  use: (answers: BakeAnswers<T>, place: Place) => Promise<R>,
): Promise<R> {
  nonEmpty(file, 'file');
  members(BAKE)(options, '');
  const [{ askTargets }, { readBakeFile }] = await Promise.all([
    import('../build/bake/ask.ts'),
    import('../build/bake/read.ts'),
  ]);
  const { targets = [], strict = false } = options;
  const { buildPlatform, salts, modes } = lineOf({
    buildPlatform: options.buildPlatform,
    with: options.with,
    modes: options.modes,
  });
  return inPlace(options, async (place) => {
    const { table, env, job } = place;
    const here = { env: process.env, cwd: process.cwd() };
    const bake = await readBakeFile(file, targets, { ...here, signal: job.signal });
    const question = { ...here, shared: { buildPlatform, salts, modes }, ask, note: noteTo(job) };
    return askTargets(bake, { table, env, job }, question, async (answers) => {
      if (strict) {
        for (const { answer } of answers.answers) refuseIncomplete([answer], `the key of ${answer.file}`);
      }
      return use(answers, place);
    });
  });
}
