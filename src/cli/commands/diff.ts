import { CtxsrcError, ERROR_EXITS } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { printable } from '../../core/printable.ts';
import { sourceDateEpoch } from '../../core/source-date-epoch.ts';
import type { SourceDifference } from '../../snapshot/diff/diff.ts';
import { DiffFilter } from '../../snapshot/diff/filter.ts';
import { diffReport } from '../../snapshot/diff/report.ts';
import type { DiffReport } from '../../snapshot/diff/report-types.ts';
import { diffSide } from '../../snapshot/diff/side.ts';
import { identifierMembers } from '../../source/document.ts';
import type { Resolved } from '../../source/resolve.ts';

import { type Flags, limitsOf, listFlag, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { isJsonFile } from '../saved-builds.ts';
import { screenOf } from '../screen.ts';
import { parseSize } from '../values.ts';

/** `ctxsrc diff <a> <b>`, or one image and two platforms: what differs; exit 6 for any with `--exit-code`. */
export async function run(run: Run, references: readonly string[], flags: Flags): Promise<number | undefined> {
  if (flags.html !== undefined) sourceDateEpoch(run.io.env.SOURCE_DATE_EPOCH);
  const foreign = references.find(isJsonFile);
  if (foreign !== undefined) {
    const { notSaved } = await import('../../build/diff/saved.ts');
    throw notSaved(`the file ${printable(foreign)}`);
  }
  const limit = textFlag(flags, 'maxGrowth');
  const most = limit === undefined ? undefined : parseGrowth(limit);
  const filter = new DiffFilter(listFlag(flags, 'only'), listFlag(flags, 'ignore'));
  const { resolved, platforms } = await sidesOf(run, references, flags);
  const [a, b] = await Promise.all(resolved.map((one, index) => diffSide(one, platforms[index])));
  const { store } = await run.environment();
  const isPlain = !run.json && flags.quiet !== true;
  const files = flags.files === true || flags.stat === true || flags.patch === true || filter.asksForFiles;
  const options = { store, limits: limitsOf(flags), files, filter, patch: flags.patch === true };
  const document = run.json ? new JsonDocument(run, resolved) : undefined;
  const report = await diffReport(await run.job(), [a!, b!], {
    ...options,
    changes: isPlain || flags.html !== undefined || Boolean(run.io.env.GITHUB_STEP_SUMMARY),
    onDifference: document && ((difference) => document.add(difference)),
  });
  await run.page(async () => (await import('../../page/diff-page.ts')).diffPage(report));
  if (document === undefined) await print(run, report, flags);
  else await document.end(report, flags);
  if (run.io.env.GITHUB_STEP_SUMMARY) {
    const [summary, table] = await Promise.all([import('../ci/step-summary.ts'), import('../diff/step-table.ts')]);
    await summary.appendStepSummary(run, table.diffStepTable(report));
  }
  const { incomplete } = report.comparison;
  if (incomplete.length > 0) run.incomplete(`could not be compared: ${incomplete.join(', ')}`);
  if (most !== undefined) checkGrowth(report, most);
  return flags.exitCode === true && differs(report, filter, flags) ? ERROR_EXITS.E_DRIFT : undefined;
}

interface Sides {
  readonly resolved: readonly Resolved[];
  readonly platforms: readonly string[];
}

/** One reference with two platforms is two sides. */
async function sidesOf(run: Run, references: readonly string[], flags: Flags): Promise<Sides> {
  if (references.length === 2) return { resolved: await run.resolve(references), platforms: [] };
  const platforms = textFlag(flags, 'platform')?.split(',') ?? [];
  if (platforms.length !== 2) {
    throw new CtxsrcError('E_USAGE', 'one reference alone is compared with nothing', {
      hint: 'give a second reference, or two platforms: --platform linux/amd64,linux/arm64',
    });
  }
  const sides = await Promise.all(platforms.map((platform) => run.resolve(references, {}, { platform })));
  return { resolved: sides.flat(), platforms };
}

/** Whether `--exit-code` reports a difference: of the keys, or of the kinds that were asked for. */
function differs({ comparison }: DiffReport, filter: DiffFilter, flags: Flags): boolean {
  if (flags.definition !== true) return filter.isSet ? !comparison.equal : !comparison.sameContent;
  const [from, to] = comparison.definitions;
  if (from === undefined || to === undefined) {
    throw new CtxsrcError('E_USAGE', 'a snapshot has no definition key', { hint: 'leave --definition out' });
  }
  return from !== to;
}

async function print(run: Run, report: DiffReport, flags: Flags): Promise<void> {
  const { io } = run;
  const screen = screenOf(io.stdout, io.env, flags.color);
  const { diffText, sentenceLine } = await import('../diff/text.ts');
  if (flags.quiet === true) {
    await run.out(`${sentenceLine(report, screen)}\n`);
    return;
  }
  if (flags.markdown === true) {
    const { diffMarkdown } = await import('../diff/markdown.ts');
    await run.out(diffMarkdown(report, flags.stat === true));
  } else if (flags.patch !== true || flags.stat === true) {
    await run.out(diffText(report, flags.stat === true, screen));
  } else {
    await run.out(`${sentenceLine(report, screen)}\n`);
  }
  if (flags.patch === true) {
    const { patchText } = await import('../diff/patch.ts');
    const text = patchText(report.patches, screen, Boolean(io.env.GITHUB_ACTIONS));
    await run.out(text === '' ? '' : `\n${text}`);
  }
  const { note, filesCompared, equal } = report.comparison;
  if (note !== undefined && !filesCompared && !equal) run.note(note);
}

/** Characters of the document that are written at once. */
const PIECE = 64 * 1024;

/** One document, written piece by piece: two trees can differ in more paths than fit into memory. */
class JsonDocument {
  readonly #run: Run;
  #text: string;
  #separator = '';

  constructor(run: Run, resolved: readonly Resolved[]) {
    this.#run = run;
    const [a, b] = resolved.map((one) => identifierMembers(one, run.defaultPlatform()));
    this.#text = `${JSON.stringify({ schema: 'ctxsrc/v1', a, b }).slice(0, -1)},"differences":[`;
  }

  async add(difference: SourceDifference): Promise<void> {
    this.#text += `${this.#separator}${JSON.stringify(difference)}`;
    this.#separator = ',';
    if (this.#text.length < PIECE) return;
    await this.#run.out(this.#text);
    this.#text = '';
  }

  async end(
    { sentence, comparison, layers, settings, leftOut, files, growth, patches }: DiffReport,
    flags: Flags,
  ): Promise<void> {
    const { from, to, equal, sameContent, filesCompared, incomplete, note } = comparison;
    const verdict = { keys: { from, to }, incomplete, equal, filesCompared, note };
    const more = { sentence, sameContent, layers: layers?.rows, settings, leftOut, files, growth };
    const members = { ...verdict, ...more, ...(flags.patch === true ? { patches } : {}) };
    await this.#run.out(`${this.#text}],${JSON.stringify(members).slice(1)}\n`);
  }
}

/** Bytes, or a share of what was there. */
interface MostGrowth {
  readonly text: string;
  readonly of: (before: number) => number;
}

function parseGrowth(text: string): MostGrowth {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent !== null) return { text, of: (before) => (before * Number(percent[1])) / 100 };
  const bytes = parseSize('--max-growth', text);
  return { text, of: () => bytes };
}

function checkGrowth({ growth, comparison, names }: DiffReport, most: MostGrowth): void {
  if (growth === undefined) {
    if (comparison.sameContent) return;
    throw new CtxsrcError('E_USAGE', 'how much it has grown is not known without the files', {
      hint: 'add --files',
    });
  }
  const { from, to, of } = growth;
  if (to - from <= most.of(from)) return;
  const what = of === 'layers' ? 'layers to fetch' : 'files';
  const sizes = `${formatBytes(from)} to ${formatBytes(to)} of ${what}`;
  throw new CtxsrcError('E_LIMIT', `${names[1]} has grown by ${formatBytes(to - from)} (${sizes})`, {
    hint: `--max-growth ${most.text} allows no more: ctxsrc diff --stat shows what came`,
  });
}
