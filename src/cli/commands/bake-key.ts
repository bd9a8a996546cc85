import type { BuildKey } from '../../build/answer.ts';
import { type AnsweredTarget, answerFor } from '../../build/bake/answers.ts';
import { keyOfBuild } from '../../build/build-key.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { listed } from '../../core/printable.ts';
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
    const found = answerFor(answers, names[0] ?? 'default');
    if (found !== undefined && names.length < 2) return print(found);
    if (answers.length === 0) {
      const hint = 'name a target of it behind the flags';
      throw new CtxsrcError('E_USAGE', 'key --build prints the key of one target, and bake finds none', { hint });
    }
    throw new CtxsrcError('E_USAGE', 'key --build prints the key of one target', {
      hint: `name one of ${listed(answers.map(({ target }) => target.name))}; all of them: ctxsrc inputs --from FILE`,
    });
  });
}
