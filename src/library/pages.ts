/** Reports as pages, as `--html` writes them. */
import { bakeReport, inputsReport } from '../build/report.ts';
import { members, nonEmpty } from '../core/check-options.ts';
import { sourceDateEpoch } from '../core/source-date-epoch.ts';
import { type BakeOptions, inBake } from './bake.ts';
import { type Build, withAnswer } from './build.ts';
import { type DiffOptions, diff } from './diff.ts';
import { INSPECT, type InspectOptions } from './inspect.ts';
import type { PlaceOptions } from './options.ts';
import { sinceOf, withSource } from './place.ts';

/** Options of `inputsPage`. */
export interface InputsPageOptions extends PlaceOptions {
  /** An earlier document of `inputs --json`: what has changed since then comes first. */
  readonly since?: string | undefined;
}

/** Options of `bakePage`. */
export interface BakePageOptions extends BakeOptions {
  /** What remembers keys, as `changedSince` takes it: what has changed comes first. */
  readonly since?: string | undefined;
}

/**
 * What is known of a reference as a page: one file of HTML that needs nothing else, with a list and a map of the files
 * where these are known. Costs what `inspect` costs; of a directory its files are listed.
 * @param reference as on the command line
 * @returns the text of the page
 * @throws CtxsrcError as `inspect`
 */
export async function inspectPage<Reference extends string>(
  reference: Reference,
  options: InspectOptions<Reference> = {},
): Promise<string> {
  members(INSPECT)(options, '');
  const time = epoch();
  const { files, why, ...common } = options;
  const [{ inspect }, page, { renderPage }] = await Promise.all([
    import('../snapshot/inspect/inspect.ts'),
    import('../page/inspect-page.ts'),
    import('../page/render.ts'),
  ]);
  return withSource(reference, common, async (resolved, { store, job }) => {
    const request = { resolved, store, limits: options.limits, files, why };
    return renderPage(await page.inspectPage(job, request, await inspect(job, request)), time);
  });
}

/**
 * What differs between two sources as a page, with a list and a map of the paths where files were compared.
 * @param from the first reference, as on the command line
 * @param to the second one
 * @returns the text of the page
 * @throws CtxsrcError as `diff`
 */
export async function diffPage<A extends string, B extends string>(
  from: A,
  to: B,
  options: DiffOptions<A, B> = {},
): Promise<string> {
  const time = epoch();
  const report = await diff(from, to, options);
  const [page, { renderPage }] = await Promise.all([import('../page/diff-page.ts'), import('../page/render.ts')]);
  return renderPage(page.diffPage(report), time);
}

/**
 * What a build is made of as a page: the lines of its Dockerfile, and the sources that they ask for.
 * @param build the build, or its context alone
 * @returns the text of the page
 * @throws CtxsrcError as `buildKey`, with `since` as `changedInputs`
 */
export async function inputsPage(build: Build | string = '.', options: InputsPageOptions = {}): Promise<string> {
  const time = epoch();
  const { since, ...place } = options;
  if (since !== undefined) nonEmpty(since, 'since');
  const [page, { renderPage }] = await Promise.all([import('../page/inputs-page.ts'), import('../page/render.ts')]);
  return withAnswer(build, place, async (answer, job) => {
    const { readEarlierInputs } = await import('../build/earlier.ts');
    const earlier = since === undefined ? undefined : await readEarlierInputs(since, sinceOf(job));
    return renderPage(page.inputsPage(inputsReport(answer), earlier), time);
  });
}

/**
 * What the targets of a bake or compose file are made of as a page.
 * @param file path of the file
 * @returns the text of the page
 * @throws CtxsrcError as `bakeInputs`, with `since` as `changedSince`
 */
export async function bakePage(file: string, options: BakePageOptions = {}): Promise<string> {
  const time = epoch();
  const { since, ...bake } = options;
  if (since !== undefined) nonEmpty(since, 'since');
  const [page, { renderPage }, { buildKey }, { changedTargets, memorySince }] = await Promise.all([
    import('../page/inputs-page.ts'),
    import('../page/render.ts'),
    import('../build/build-key.ts'),
    import('../build/bake/changed.ts'),
  ]);
  return inBake(file, bake, buildKey, async (answers, { env, job }) => {
    const before = since === undefined ? undefined : await memorySince(since, sinceOf(job));
    const changes = before && (await changedTargets(job, env, answers, before.memory));
    return renderPage(page.bakePage(bakeReport(answers), changes?.changed, before?.earlier), time);
  });
}

/** A page says when it was made, unless the variable gives the time: read before the work begins. */
const epoch = (): number | undefined => sourceDateEpoch(process.env.SOURCE_DATE_EPOCH);
