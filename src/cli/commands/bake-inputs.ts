import { buildKey } from '../../build/build-key.ts';
import { buildNames } from '../../build/build-names.ts';
import { bakeReport } from '../../build/report.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type Flags, textFlag } from '../flags.ts';
import { inputsTable } from '../inputs-table.ts';
import type { Run } from '../run.ts';
import { screenOf } from '../screen.ts';
import { withBake } from './bake-run.ts';
import { printReferences, sinceOf, tellFindings } from './build-run.ts';

/** `ctxsrc inputs --from FILE [TARGET…]` */
export async function run(run: Run, names: readonly string[], flags: Flags): Promise<undefined> {
  return flags.names === true ? printNames(run, names, flags) : printInputs(run, names, flags);
}

async function printNames(run: Run, names: readonly string[], flags: Flags): Promise<undefined> {
  const ask = async (...build: Parameters<typeof buildNames>) => {
    const answer = await buildNames(...build);
    // For names it is enough that a target is one.
    return { ...answer, key: NO_KEY };
  };
  return withBake(run, names, flags, ask, async ({ answers }) => {
    const refs = [...new Set(answers.flatMap(({ answer }) => answer.refs))];
    const unasked = [...new Set(answers.flatMap(({ answer }) => answer.unasked))];
    return printReferences(run, refs, unasked);
  });
}

const NO_KEY = `sha256:${'0'.repeat(64)}` as const;

async function printInputs(run: Run, names: readonly string[], flags: Flags): Promise<undefined> {
  const since = textFlag(flags, 'changedSince');
  if (since === undefined && flags.githubOutput === true) {
    throw new CtxsrcError('E_USAGE', '--github-output writes what --changed-since finds', {
      hint: 'add --changed-since docker-image://REPO, or a FILE of ctxsrc inputs --json',
    });
  }
  const changes = since === undefined ? undefined : await import('../../build/bake/changed.ts');
  const remembered = await changes?.memorySince(since!, sinceOf(run));
  return withBake(run, names, flags, buildKey, async (bake) => {
    const answers = bake.answers.map(({ answer }) => answer);
    await tellFindings(run, answers, flags);
    const { env } = await run.environment();
    const changed = remembered && (await changes!.changedTargets(await run.job(), env, bake, remembered.memory));
    await run.page(async () =>
      (await import('../../page/inputs-page.ts')).bakePage(bakeReport(bake), changed?.changed, remembered?.earlier),
    );
    if (changed !== undefined) return (await import('./changed-targets.ts')).printChanged(run, changed);
    if (run.json) return run.document(bakeReport(bake));
    const screen = screenOf(run.io.stdout, run.io.env, flags.color);
    for (const [index, { target, answer }] of bake.answers.entries()) {
      await run.out(
        `${index === 0 ? '' : '\n'}== ${printable(target.name)}\n${inputsTable(answer, run.verbose > 0, screen)}`,
      );
    }
  });
}
