/**
 * The differences between two descriptions of sources (`SourceInstance.describe`), without reading a file: digests,
 * platform, configuration, layers by index, or other facts of a source.
 */
import { isObject } from '../../core/is-object.ts';
import { stableJson } from '../../core/stable-json.ts';

/** Facts by name, JSON-safe. */
export type Facts = Readonly<Record<string, unknown>>;

/** A fact that differs. */
export interface FactDifference {
  /** Name of the fact, for instance `digest`; `option`, `layer`. */
  readonly what: string;
  /** The name of an option. */
  readonly name?: string;
  /** The index of a layer: from 0, base first. */
  readonly index?: number;
  /** On the first side; absent if it lacks it. */
  readonly from?: unknown;
  /** On the second side. */
  readonly to?: unknown;
  /** The members of an object (an image configuration) that differ, for instance `config.Env`. */
  readonly members?: readonly string[];
  /** The layer has the same files in another archive. */
  readonly sameContent?: true;
}

/** Facts that follow from the reference, or from another fact. */
const DERIVED: ReadonlySet<string> = new Set(['identifier', 'pinned', 'size', 'key', 'incomplete']);

/**
 * The facts that differ, in the order of `a`.
 * @param partial one of the sides does not know all facts, so facts that only the other has are not differences
 */
export function compareFacts(a: Facts, b: Facts, partial: boolean): FactDifference[] {
  const differences: FactDifference[] = [];
  for (const name of namesOf(a, b)) {
    const [from, to] = [a[name], b[name]];
    if (DERIVED.has(name) || same(from, to) || (partial && (from === undefined || to === undefined))) continue;
    if (name === 'layers') differences.push(...compareLayers(listOf(from), listOf(to)));
    else if (isObject(from) && isObject(to)) differences.push({ what: name, members: membersThatDiffer(from, to) });
    else differences.push({ what: name, ...given('from', from), ...given('to', to) });
  }
  return differences;
}

/** The attributes that differ, as options in the user's form. */
export function compareOptions(a: Facts, b: Facts): FactDifference[] {
  return namesOf(a, b)
    .filter((name) => !same(a[name], b[name]))
    .sort()
    .map((name) => ({ what: 'option', name, ...given('from', a[name]), ...given('to', b[name]) }));
}

function compareLayers(a: readonly Facts[], b: readonly Facts[]): FactDifference[] {
  const differences: FactDifference[] = [];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [from, to] = [a[index], b[index]];
    if (from?.digest === to?.digest && from?.diffId === to?.diffId) continue;
    const sameContent = from?.diffId !== undefined && from.diffId === to?.diffId ? { sameContent: true as const } : {};
    differences.push({ what: 'layer', index, ...given('from', from), ...given('to', to), ...sameContent });
  }
  return differences;
}

/** Paths of members, two levels deep, which shows where to look. */
function membersThatDiffer(a: Facts, b: Facts, depth = 2): string[] {
  return namesOf(a, b)
    .sort()
    .flatMap((name) => {
      const [from, to] = [a[name], b[name]];
      if (same(from, to)) return [];
      if (depth === 1 || !isObject(from) || !isObject(to)) return [name];
      return membersThatDiffer(from, to, depth - 1).map((member) => `${name}.${member}`);
    });
}

function given(name: 'from' | 'to', value: unknown): { from?: unknown; to?: unknown } {
  return value === undefined ? {} : { [name]: value };
}

function listOf(value: unknown): readonly Facts[] {
  return Array.isArray(value) ? (value as readonly unknown[]).filter(isObject) : [];
}

/** True if both are the same JSON: a configuration whose members another tool has put in another order counts as equal. */
export function same(a: unknown, b: unknown): boolean {
  return a === b || stableJson(a) === stableJson(b);
}

/** The names of all members of either. */
export function namesOf(a: Facts, b: Facts): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])];
}
