import type { BuildKey } from '../../build/answer.ts';
import { type AnsweredTarget, answerFor } from '../../build/bake/answers.ts';
import { keyOfBuild } from '../../build/build-key.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';
import { withBake } from './bake-run.ts';

/** `ctxsrc key --build --from FILE TARGET`: hands the answer for the target to `print`. */
export async function keyOfTarget<T>(
  run: Run,
  names: readonly string[],
  flags: Flags,
  print: (answered: AnsweredTarget<BuildKey>) => Promise<T>,
): Promise<T> {
  return withBake(run, names, flags, keyOfBuild, async ({ answers }) => {
    const what = 'key --build prints the key of one target';
    return print(answerFor(answers, names, what, '; all of them: ctxsrc inputs --from FILE'));
  });
}
