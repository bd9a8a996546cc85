/** Asks about all targets of a bake file: side by side, each once, and after those that it is built from. */
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { listed, printable, shortened } from '../../core/printable.ts';
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import type { TargetResult } from '../answer.ts';
import { targetOfContext } from '../target-contexts.ts';
import type { BakeFile } from './read.ts';
import type { BakeTarget } from './target.ts';

/** Asks about one target, given what those are that it is built from. */
export type AskTarget<T extends TargetResult> = (
  target: BakeTarget,
  results: ReadonlyMap<string, TargetResult>,
) => Promise<T>;

/** A target with what was answered about it. */
export interface AnsweredTarget<T> {
  readonly target: BakeTarget;
  readonly answer: T;
  /** It, or what it is built from, is built without a cache: what a build makes of it is new each time. */
  readonly withoutCache: boolean;
}

/**
 * The answer for a target, or for a group of one.
 * @param names what was asked for; none: the default
 * @param what the sentence that asks for one target, for errors
 * @param more what else can be typed, for their hint
 * @throws E_USAGE where the names stand for several targets, or none
 */
export function answerFor<T>(
  answers: readonly AnsweredTarget<T>[],
  names: readonly string[],
  what: string,
  more = '',
): AnsweredTarget<T> {
  const [name = 'default', second] = names;
  const asked = answers.filter(({ target }) => target.asked);
  const named = second === undefined ? asked.find(({ target }) => target.name === name) : undefined;
  const found = asked.length === 1 ? asked[0] : named;
  if (found !== undefined) return found;
  const shown = names.length === 0 ? name : listed(names);
  throw new CtxsrcError('E_USAGE', `${what}, and bake finds ${asked.length || 'none'} for ${shown}`, {
    hint:
      asked.length === 0
        ? 'name a target of the file'
        : `name one of ${listed(answers.map(({ target }) => target.name))}${more}`,
  });
}

/**
 * The answers, in the order of the targets.
 * @throws CtxsrcError that names file and target; `E_CONFIG` for targets that are built from each other
 */
export async function answersOf<T extends TargetResult>(
  file: BakeFile,
  ask: AskTarget<T>,
): Promise<AnsweredTarget<T>[]> {
  const answers = new Map<string, Promise<T>>();
  const answered = async (target: BakeTarget): Promise<T> => {
    const results = await Promise.all(basesOf(target).map(async (name) => [name, await answers.get(name)!] as const));
    try {
      return await ask(target, new Map(results));
    } catch (error) {
      throw isCtxsrcError(error)
        ? error.with({ message: `${printable(file.name)}: target ${shortened(target.name)}: ${error.message}` })
        : error;
    }
  };
  const withoutCache = new Set<string>();
  for (const target of basesFirst(file)) {
    const { name } = target;
    if (target.withoutCache || basesOf(target).some((base) => withoutCache.has(base))) withoutCache.add(name);
    answers.set(name, answered(target));
  }
  return allOrFirstFailure(
    file.targets.map(async (target) => {
      const { name } = target;
      return { target, answer: await answers.get(name)!, withoutCache: withoutCache.has(name) };
    }),
  );
}

function basesOf({ contexts }: BakeTarget): string[] {
  return [...new Set([...contexts.values()].flatMap((value) => targetOfContext(value) ?? []))];
}

/** Each target after those that it is built from. Without recursion: JSON from anywhere may hold long chains. */
function basesFirst({ name: file, targets }: BakeFile): BakeTarget[] {
  const users = new Map<string, BakeTarget[]>(targets.map(({ name }) => [name, []]));
  const waitsFor = new Map<string, number>();
  for (const target of targets) {
    const bases = basesOf(target);
    waitsFor.set(target.name, bases.length);
    for (const base of bases) users.get(base)!.push(target);
  }
  const order = targets.filter(({ name }) => waitsFor.get(name) === 0);
  // It grows while it is gone through.
  for (const { name } of order) {
    for (const user of users.get(name)!) {
      const left = waitsFor.get(user.name)! - 1;
      waitsFor.set(user.name, left);
      if (left === 0) order.push(user);
    }
  }
  if (order.length === targets.length) return order;
  const stuck = new Map(targets.filter(({ name }) => waitsFor.get(name)! > 0).map((target) => [target.name, target]));
  throw new CtxsrcError('E_CONFIG', `${printable(file)}: targets are built from each other: ${circleIn(stuck)}`, {
    hint: 'let one of them not name the other as its context',
  });
}

/** Names along a circle; each of the targets is built from another one of them. */
function circleIn(stuck: ReadonlyMap<string, BakeTarget>): string {
  const path = new Set<string>();
  let [name = ''] = stuck.keys();
  while (!path.has(name)) {
    path.add(name);
    name = basesOf(stuck.get(name)!).find((base) => stuck.has(base))!;
  }
  const names = [...path];
  return listed([...names.slice(names.indexOf(name)), name]);
}
