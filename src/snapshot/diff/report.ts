/** What differs between two sources, as one document for the terminal, JSON, Markdown and pages. */
import type { JobContext } from '../../contract/index.ts';
import { type DiffOptions, diffSources, type SourceComparison, type SourceDifference } from './diff.ts';
import type { FactDifference } from './facts.ts';
import { DiffFilter } from './filter.ts';
import { type LayerComparison, type LayerRow, pairLayers } from './layers.ts';
import type { PathDifference } from './path-difference.ts';
import type { ChangeLetter, DiffReport, FileCounts, Growth, PathChange } from './report-types.ts';
import { diffSentence, shortNames } from './sentence.ts';
import { compareSettings } from './settings.ts';
import type { DiffSide } from './side.ts';

export interface ReportOptions extends DiffOptions {
  /** Keep the changes; else they are only counted. */
  readonly changes: boolean;
  /** Called with each difference as it is found. */
  readonly onDifference?: ((difference: SourceDifference) => Promise<void>) | undefined;
}

/**
 * Compares two sources.
 * @throws the errors of `diffSources`
 */
export async function diffReport(
  job: JobContext,
  [a, b]: readonly [DiffSide, DiffSide],
  { changes, onDifference, ...options }: ReportOptions,
): Promise<DiffReport> {
  const filter = options.filter ?? new DiffFilter();
  const differences = diffSources(job, a, b, { ...options, filter });
  const tally = new Tally(changes);
  for (;;) {
    const { value, done } = await differences.next();
    if (done !== true) {
      tally.add(value);
      await onDifference?.(value);
      continue;
    }
    const [from, to] = value.facts;
    const names = shortNames(a, b);
    const layers = askedLayers(pairLayers(from, to), filter);
    const all = compareSettings(from, to);
    const settings = all.filter(({ kind }) => filter.takesKind(kind));
    const report = {
      names,
      comparison: value,
      layers: layers?.asked,
      settings,
      facts: tally.facts,
      leftOut: filter.leftOut + filter.leftOutFacts + (layers?.leftOut ?? 0) + all.length - settings.length,
      files: value.filesCompared ? tally.counts(value.trees?.times ?? 0, filter) : undefined,
      changes: tally.changes,
      patches: value.patches ?? [],
      growth: growthOf(value),
    };
    return { ...report, sentence: diffSentence(report, filter.isSet) };
  }
}

/** The layers that the question is about: those of other files, and those that are only packed otherwise. */
function askedLayers(
  layers: LayerComparison | undefined,
  filter: DiffFilter,
): { readonly asked: LayerComparison; readonly leftOut: number } | undefined {
  if (layers === undefined) return undefined;
  const [files, packing] = [filter.takesFiles, filter.takesKind('packing')];
  const rows = layers.rows.flatMap((row): LayerRow[] => {
    if (row.state === 'packed') return [packing ? row : { ...row, state: 'same' }];
    return files || row.state === 'same' ? [row] : [];
  });
  const { changed, reordered } = files ? layers : { changed: 0, reordered: false };
  const leftOut = layers.rows.filter((row) => !rows.includes(row)).length;
  return { asked: { ...layers, rows, changed, reordered }, leftOut };
}

function growthOf({ facts: [a, b], trees }: SourceComparison): Growth | undefined {
  if (typeof a?.size === 'number' && typeof b?.size === 'number') return { of: 'layers', from: a.size, to: b.size };
  return trees && { of: 'files', ...trees.size };
}

/** Counts differences as they come: those of one path come one after the other. */
class Tally {
  readonly facts: FactDifference[] = [];
  readonly changes: PathChange[] = [];
  readonly #keeps: boolean;
  readonly #letters = { A: 0, M: 0, D: 0, m: 0 };
  readonly #bytes = { added: 0, gone: 0 };
  #folders = 0;
  #open: PathDifference[] = [];

  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  add(difference: SourceDifference): void {
    if (!('path' in difference)) {
      this.facts.push(difference);
      return;
    }
    const [first] = this.#open;
    if (first !== undefined && (first.path !== difference.path || first.pathBytes !== difference.pathBytes))
      this.#close();
    this.#open.push(difference);
  }

  counts(times: number, filter: DiffFilter): FileCounts {
    this.#close();
    const { A, M, D, m } = this.#letters;
    const { leftOut } = filter;
    const seen = filter.takesKind('time') ? times : 0;
    const folders = this.#folders;
    return { added: A, changed: M, gone: D, metadata: m, folders, bytes: this.#bytes, times: seen, leftOut };
  }

  #close(): void {
    const differences = this.#open;
    const [first] = differences;
    if (first === undefined) return;
    this.#open = [];
    const letter = letterOf(differences);
    const bytes = { added: 0, gone: 0 };
    for (const { bytes: more } of differences) {
      bytes.added += more?.added ?? 0;
      bytes.gone += more?.gone ?? 0;
    }
    if (first.type === 'dir') this.#folders += 1;
    else this.#letters[letter] += 1;
    this.#bytes.added += bytes.added;
    this.#bytes.gone += bytes.gone;
    const { path, pathBytes, type, layer } = first;
    if (this.#keeps) this.changes.push({ letter, path, pathBytes, type, bytes, layer, differences });
  }
}

function letterOf(differences: readonly PathDifference[]): ChangeLetter {
  const kinds = new Set(differences.map(({ what }) => what));
  if (kinds.has('added') || kinds.has('unignored')) return 'A';
  if (kinds.has('deleted') || kinds.has('ignored')) return 'D';
  const isContent = kinds.has('content') || kinds.has('type') || kinds.has('target') || kinds.has('device');
  return isContent ? 'M' : 'm';
}
