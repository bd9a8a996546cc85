/** Asks about all targets of a bake file: side by side, each once, and after those that it is built from. */
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { printable, shortened } from '../../core/printable.ts';
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

/**
 * The answers, in the order of the targets.
 * @throws CtxsrcError that names file and target; `E_CONFIG` for targets that are built from each other
 */
export async function answersOf<T extends TargetResult>(
  file: BakeFile,
  ask: AskTarget<T>,
): Promise<{ readonly target: BakeTarget; readonly answer: T }[]> {
  const byName = new Map(file.targets.map((target) => [target.name, target]));
  refuseCircles(byName, file);
  const answers = new Map<string, Promise<T>>();
  const answerOf = (target: BakeTarget): Promise<T> => {
    const answer = answers.get(target.name) ?? answered(target);
    answers.set(target.name, answer);
    return answer;
  };
  const answered = async (target: BakeTarget): Promise<T> => {
    const bases = basesOf(target).map((name) => byName.get(name)!);
    const results = await Promise.all(bases.map(async (base) => [base.name, await answerOf(base)] as const));
    try {
      return await ask(target, new Map(results));
    } catch (error) {
      throw isCtxsrcError(error)
        ? error.with({ message: `${printable(file.name)}: target ${shortened(target.name)}: ${error.message}` })
        : error;
    }
  };
  return allOrFirstFailure(file.targets.map(async (target) => ({ target, answer: await answerOf(target) })));
}

function basesOf({ contexts }: BakeTarget): string[] {
  return [...new Set([...contexts.values()].flatMap((value) => targetOfContext(value) ?? []))];
}

/** buildx refuses them, too; JSON from elsewhere may have them. */
function refuseCircles(targets: ReadonlyMap<string, BakeTarget>, { name }: BakeFile): void {
  const done = new Set<string>();
  const visit = (target: BakeTarget, above: readonly string[]): void => {
    if (done.has(target.name)) return;
    if (above.includes(target.name)) {
      const circle = [...above.slice(above.indexOf(target.name)), target.name].map(shortened).join(' → ');
      throw new CtxsrcError('E_CONFIG', `${printable(name)}: targets are built from each other: ${circle}`, {
        hint: 'let one of them not name the other as its context',
      });
    }
    for (const base of basesOf(target)) visit(targets.get(base)!, [...above, target.name]);
    done.add(target.name);
  };
  for (const target of targets.values()) visit(target, []);
}
