/** The answer of `ctxsrc diff` in one sentence. */
import { counted, formatGrowth } from '../../core/format.ts';
import { isObject } from '../../core/is-object.ts';
import type { FactDifference } from './facts.ts';
import { isDigest, TOLD_ELSEWHERE } from './filter.ts';
import { INDEX_FACTS, indexWords } from './index-facts.ts';
import type { DiffReport, FileCounts } from './report-types.ts';
import type { SettingChange } from './settings.ts';
import type { DiffSide } from './side.ts';

type Found = Omit<DiffReport, 'sentence' | 'changes' | 'patches'>;

/** Names in a row before they are counted. */
const MAX_NAMES = 3;

/** @param isPart only some kinds of differences were asked for */
export function diffSentence(found: Found, isPart: boolean): string {
  const [from, to] = found.names;
  return `${from} → ${to}: ${answerOf(found, isPart)}`;
}

function answerOf(found: Found, isPart: boolean): string {
  const { comparison, facts, files } = found;
  const special = unreadText(facts);
  if (special !== undefined) return special;
  const [layers, paths, settings] = [layersText(found), filesText(files, comparison.note), settingsText(found)];
  // Of paths that were left out nothing is known to be the same.
  const isSame = files !== undefined && files.leftOut === 0;
  if (isSame && paths === undefined && layers !== undefined) {
    const reasons = [...(settings === undefined ? [] : [settings]), ...reasonsOf(found)];
    return [
      `same files in other layers (${layers})`,
      ...(reasons.length > 0 ? [`other ${reasons.join(', ')}`] : []),
    ].join(', ');
  }
  const parts = [layers, paths].filter((part) => part !== undefined);
  if (parts.length > 0) return settings === undefined ? parts.join(', ') : `${parts.join(', ')}, and ${settings}`;
  const reasons = [...(settings === undefined ? [] : [settings]), ...reasonsOf(found)];
  const same = isSame ? ['same files'] : [];
  if (reasons.length > 0) return [...same, `other ${reasons.join(', ')}`].join(', ');
  if (!comparison.equal && found.layers !== undefined && facts.some(isDigest)) {
    return [...same, `other ${isPart ? 'digests' : formText(facts)}`].join(', ');
  }
  if (!comparison.equal) return 'other content';
  if (isPart) return 'nothing of what was asked for differs';
  return (comparison.filesCompared ? comparison.note : undefined) ?? 'the same';
}

/** What can be said where files decide and were not read. */
function unreadText(facts: readonly FactDifference[]): string | undefined {
  const kind = facts.find(({ what }) => what === 'kind');
  if (kind !== undefined) return `a ${String(kind.from)} and a ${String(kind.to)}, whose files were not read (--files)`;
  const touched = facts.find(({ what }) => what === 'files');
  if (touched !== undefined) return 'files were touched since they were written (--files says which)';
  return undefined;
}

function layersText({ layers, files, growth, comparison }: Found): string | undefined {
  if (layers === undefined || layers.changed === 0) return undefined;
  const part = `${layers.changed} of ${counted(layers.count, 'layer')}`;
  // Under a filter that leaves nothing, layers are no answer.
  if (files !== undefined) return comparison.equal ? undefined : part;
  return growth === undefined ? part : `${part} (${formatGrowth(growth.to - growth.from)} to fetch)`;
}

function filesText(files: FileCounts | undefined, note: string | undefined): string | undefined {
  if (files === undefined) return undefined;
  const all = files.added + files.changed + files.gone + files.metadata;
  if (all === 0 && files.folders === 0) return undefined;
  const paths = all === 0 ? counted(files.folders, 'folder') : counted(all, 'file');
  if (all === 0 && note === undefined) return paths;
  if (files.metadata === all) return note === undefined ? `${paths} of other mode or owner` : `${paths}, ${note}`;
  return `${paths} (${formatGrowth(files.bytes.added - files.bytes.gone)})`;
}

function settingsText({ settings, facts }: Found): string | undefined {
  const config = settings.filter(({ kind }) => kind === 'config').map(({ name }) => name);
  const platforms = facts.filter(({ what }) => what === 'imagePlatform').map(() => 'platform');
  const names = [...platforms, ...config];
  if (names.length === 0) return undefined;
  if (names.length <= MAX_NAMES + 1) return names.join(', ');
  return `${names.slice(0, MAX_NAMES).join(', ')} and ${names.length - MAX_NAMES} more settings`;
}

/** Facts of images that follow from others, or are told otherwise. */
const TOLD: ReadonlySet<string> = new Set([...TOLD_ELSEWHERE, 'platform', 'mediaType']);

/** What else differs where no file does. */
function reasonsOf({ layers, settings, facts, files, comparison }: Found): string[] {
  const has = (kind: SettingChange['kind']): boolean => settings.some((setting) => setting.kind === kind);
  const isImage = layers !== undefined;
  const options = facts.filter(({ what }) => what === 'option').map(({ name }) => `--${name}`);
  const others = facts.filter(({ what }) => !TOLD.has(what) && what !== 'option').map(({ what }) => what);
  const times = files?.times ?? 0;
  return [
    ...(layers?.reordered === true ? ['order of the layers'] : []),
    ...(facts.some(({ sameContent }) => sameContent === true) ? [compressionText(facts)] : []),
    ...(times > 0 ? [`times of ${counted(times, 'file')}`] : []),
    ...(has('history') ? ['history'] : []),
    ...(has('created') ? ['time of creation'] : []),
    ...(has('annotations') ? ['annotations'] : []),
    ...(isImage && facts.some(({ what }) => what === 'mediaType') ? ['form of the manifest'] : []),
    ...facts.filter(({ what }) => INDEX_FACTS.has(what)).flatMap((fact) => indexWords(fact, comparison.facts)),
    ...options,
    ...others,
    ...(isImage ? [] : facts.filter(({ what }) => what === 'digest').map(({ what }) => what)),
  ];
}

/** Which document says the same in other bytes. */
function formText(facts: readonly FactDifference[]): string {
  const has = (name: string): boolean => facts.some(({ what }) => what === name);
  if (has('config')) return 'form of the configuration';
  return has('manifest') ? 'form of the manifest' : 'form of the index';
}

function compressionText(facts: readonly FactDifference[]): string {
  const packed = facts.filter(({ sameContent }) => sameContent === true);
  const names = new Set(packed.flatMap(({ from, to }) => [compressionOf(from), compressionOf(to)]));
  return names.size > 1 ? `compression (${[...names].join(', ')})` : 'packing of the layers';
}

function compressionOf(layer: unknown): string {
  const type = isObject(layer) && typeof layer.mediaType === 'string' ? layer.mediaType : '';
  if (type.endsWith('zstd')) return 'zstd';
  return type.endsWith('gzip') ? 'gzip' : 'none';
}

/** Both names without their scheme; the second one only its platform or tag where the rest is the same. */
export function shortNames(a: Named, b: Named): [string, string] {
  const [from, to] = [withoutScheme(a.name), withoutScheme(b.name)];
  if (b.platform !== undefined && a.platform !== b.platform) return [from, b.platform];
  const cut = from.lastIndexOf(':') + 1;
  // What has a slash behind it is the port of a host.
  const isTag = cut > 1 && from !== to && to.startsWith(from.slice(0, cut)) && to.length > cut;
  const hasSlash = from.includes('/', cut) || to.includes('/', cut);
  return isTag && !hasSlash ? [from, to.slice(cut)] : [from, to];
}

type Named = Pick<DiffSide, 'name' | 'platform'>;

function withoutScheme(name: string): string {
  return name.replace(/^(?:docker-image|oci-layout|oci-archive|docker-archive|local):\/\//, '');
}
