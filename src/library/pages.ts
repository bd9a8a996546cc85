/** Reports as pages, as `--html` writes them. */
import { members } from '../core/check-options.ts';
import { type Build, buildKey } from './build.ts';
import { type DiffOptions, diff } from './diff.ts';
import { INSPECT, type InspectOptions } from './inspect.ts';
import type { PlaceOptions } from './options.ts';
import { withSource } from './place.ts';

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
  const { files, why, ...common } = options;
  const [{ inspect }, page, { renderPage }] = await Promise.all([
    import('../snapshot/inspect/inspect.ts'),
    import('../page/inspect-page.ts'),
    import('../page/render.ts'),
  ]);
  return withSource(reference, common, async (resolved, { store, job }) => {
    const request = { resolved, store, limits: options.limits, files, why };
    return renderPage(await page.inspectPage(job, request, await inspect(job, request)));
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
  const report = await diff(from, to, options);
  const [page, { renderPage }] = await Promise.all([import('../page/diff-page.ts'), import('../page/render.ts')]);
  return renderPage(page.diffPage(report));
}

/**
 * What a build is made of as a page: the lines of its Dockerfile, and the sources that they ask for.
 * @param build the build, or its context alone
 * @returns the text of the page
 * @throws CtxsrcError as `buildKey`
 */
export async function inputsPage(build: Build | string = '.', options: PlaceOptions = {}): Promise<string> {
  const report = await buildKey(build, options);
  const [page, { renderPage }] = await Promise.all([import('../page/inputs-page.ts'), import('../page/render.ts')]);
  return renderPage(page.inputsPage(report));
}
