/** The document of an image (`inspect --json`); with its files it is written piece by piece, for they may be many. */

import type { Entry } from '../../contract/entry.ts';
import { CHANGES, type HiddenFile } from '../../image/entries/weigh.ts';
import { cleanComponents } from '../../layer/apply/entry-names.ts';
import type { LayerFiles } from '../../snapshot/inspect/layer-files.ts';
import type { ImageReport } from '../../snapshot/inspect/report.ts';
import { addBytes, addEntry } from '../listed-entry.ts';
import { inPieces, jsonItems } from '../pieces.ts';
import type { Run } from '../run.ts';

export interface DocumentOptions {
  /** With the entries of each layer. */
  readonly files: boolean;
  /** With the paths that are hidden. */
  readonly hidden: boolean;
  /** The number of the one layer that is asked for. */
  readonly layer: number | undefined;
}

export async function writeImageDocument(
  run: Run,
  report: ImageReport,
  files: LayerFiles,
  { files: withFiles, hidden: withHidden, layer: only }: DocumentOptions,
): Promise<undefined> {
  const { layers, hidden, largest, ...facts } = report;
  const paths = hidden?.paths.filter(({ layer }) => only === undefined || layer === only) ?? [];
  const document = {
    ...facts,
    hidden:
      hidden === null
        ? null
        : {
            ...hidden,
            paths: withHidden
              ? paths.map(({ path, ...rest }) => Object.assign(addBytes({}, 'path', path), rest))
              : undefined,
          },
    largest: largest?.map(({ path, ...rest }) => Object.assign(addBytes({}, 'path', path), rest)) ?? null,
  };
  const chosen = layers.filter(({ number }) => only === undefined || number === only);
  if (!withFiles) return run.out(`${JSON.stringify({ ...document, layers: chosen })}\n`);
  await run.out(`${JSON.stringify(document).slice(0, -1)},"layers":[`);
  for (const [i, layer] of chosen.entries()) {
    await run.out(`${i === 0 ? '' : ','}${JSON.stringify(layer).slice(0, -1)},"entries":[`);
    const entries = entryDocuments(files.entries(layer.number - 1), files, layer.number - 1);
    await inPieces(
      jsonItems(entries, (one) => one),
      (text) => run.out(text),
    );
    await run.out(']}');
  }
  return run.out(']}\n');
}

function* entryDocuments(entries: Iterable<Entry>, { weights }: LayerFiles, layer: number): Generator<object> {
  const hidden = new Map<number, HiddenFile>();
  for (const file of weights?.hidden ?? []) if (file.layer === layer) hidden.set(file.index, file);
  let index = -1;
  for (const entry of entries) {
    index += 1;
    const change = CHANGES[weights?.layers[layer]?.changes[index] ?? 0]!;
    if (change === 'none') continue;
    const members = addChanged({ change }, entry, change);
    const by = hidden.get(index)?.by;
    if (by !== undefined) members.hiddenBy = by + 1;
    yield members;
  }
}

/** Of a whiteout the path that it is about, without what marks it. */
function addChanged(members: Record<string, unknown>, entry: Entry, change: (typeof CHANGES)[number]) {
  const components = cleanComponents(entry.path);
  if (change !== 'remove' && change !== 'opaque') return addEntry(members, entry, components.join('/'));
  const name = components.pop()!.replace(/^\.wh\./, '');
  return addBytes(members, 'path', [...components, ...(change === 'remove' ? [name] : [])].join('/'));
}
