import { sourceDateEpoch } from '../../core/source-date-epoch.ts';
import { inspect } from '../../snapshot/inspect/inspect.ts';
import type { ImageReport, InspectReport } from '../../snapshot/inspect/report.ts';
import { checkLayer } from '../../snapshot/list/source-files.ts';
import { identifierMembers } from '../../source/document.ts';
import { type Flags, layerFlag, limitsOf, textFlag } from '../flags.ts';
import { writeImageDocument } from '../inspect/document.ts';
import { imagePage, layerPage } from '../inspect/image.ts';
import { decisionPage, directoryPage, sourcePage } from '../inspect/source.ts';
import type { Run } from '../run.ts';
import { type Screen, screenOf } from '../screen.ts';

/** `ctxsrc inspect <ref>` */
export async function run(run: Run, references: readonly string[], flags: Flags): Promise<undefined> {
  if (flags.html !== undefined) sourceDateEpoch(run.io.env.SOURCE_DATE_EPOCH);
  const resolved = await run.resolve(references);
  const layer = layerFlag(flags);
  const [withFiles, hidden] = [flags.files === true, flags.hidden === true];
  const { store } = await run.environment();
  const job = await run.job();
  const [inspected] = await run.each(resolved, async (one) => {
    const request = {
      resolved: one,
      store,
      limits: limitsOf(flags),
      files: withFiles || hidden,
      layered: layer !== undefined,
      why: textFlag(flags, 'why'),
    };
    const found = await inspect(job, request);
    if (layer !== undefined) checkLayer(layer, (found.report as ImageReport).layers.length);
    await run.page(async () => (await import('../../page/inspect-page.ts')).inspectPage(job, request, found));
    return found;
  });
  const { report, files } = inspected!;
  const options = { hidden, files: withFiles };
  if (run.json) {
    const members = identifierMembers(resolved[0]!, run.defaultPlatform());
    if (report.kind !== 'image') return run.document({ ...members, ...report });
    return writeImageDocument(run, { ...members, ...report }, files!, { ...options, layer });
  }
  await run.out(pageOf(report, layer, options, screenOf(run.io.stdout, run.io.env, flags.color)));
}

function pageOf(
  report: InspectReport,
  layer: number | undefined,
  options: { readonly hidden: boolean; readonly files: boolean },
  screen: Screen,
): string {
  if (report.kind === 'image' && layer !== undefined) {
    return layerPage(report, report.layers[layer - 1]!, options, screen);
  }
  if (report.kind === 'image') return imagePage(report, options, screen);
  if (report.kind === 'source') return sourcePage(report, screen);
  return report.why === undefined ? directoryPage(report, screen) : decisionPage(report.why, screen);
}
