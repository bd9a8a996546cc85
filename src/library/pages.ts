/** Reports as pages, as `--html` writes them. */
import { members } from '../core/check-options.ts';
import { INSPECT, type InspectOptions } from './inspect.ts';
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
