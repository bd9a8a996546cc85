import { resolve } from 'node:path';
import type { BuildKey } from '../../build/answer.ts';
import { keyOfBuild } from '../../build/build-key.ts';
import type { KeyMemory } from '../../build/known.ts';
import { inputsReport } from '../../build/report.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { safeKey } from '../../source/document.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { checkCovered, tellFinding, withBuild } from './build-run.ts';

/** `ctxsrc key --build [DIR]` */
export async function run(run: Run, args: readonly string[], flags: Flags): Promise<number | undefined> {
  const memory = await memoryOf(run, flags);
  if (flags.from !== undefined) {
    const [{ keyOfTarget }, { noMemory }] = await Promise.all([
      import('./bake-key.ts'),
      import('../../build/known.ts'),
    ]);
    return keyOfTarget(run, args, flags, ({ answer, withoutCache }) =>
      print(run, answer, memory && withoutCache ? noMemory : memory, flags),
    );
  }
  const [dir] = args;
  return withBuild(run, dir, flags, async (request, work) =>
    print(run, await keyOfBuild(request, work), memory, flags),
  );
}

async function print(
  run: Run,
  answer: BuildKey,
  memory: KeyMemory | undefined,
  flags: Flags,
): Promise<number | undefined> {
  checkCovered(run, answer);
  // The other findings are for `inputs`.
  for (const finding of answer.idle) tellFinding(run, answer, finding, 'note');
  const found = await memory?.(await run.job(), (await run.environment()).env, answer.key);
  const save = textFlag(flags, 'save');
  if (save !== undefined) {
    const [{ replaceFile }, { savedText }] = await Promise.all([
      import('../../snapshot/write/replace-file.ts'),
      import('../../build/diff/saved.ts'),
    ]);
    const text = savedText(answer.document, await answer.detail());
    await replaceFile(resolve(run.io.cwd, save), text, `the file ${printable(shownReference(save))} of --save`);
  }
  const key = flags.safe === true ? safeKey(answer.key) : answer.key;
  await run.githubOutput({ key, ...(found === undefined ? {} : { known: String(found.known) }) });
  if (found !== undefined) run.note(`${found.known ? 'known' : 'changed'}: ${found.because}`);
  const hashed = run.verbose > 0 ? answer.document : undefined;
  if (run.json)
    await run.document({
      ...inputsReport({ ...answer, ...(await answer.listing()) }),
      known: found?.known,
      document: hashed,
    });
  else {
    if (hashed !== undefined) run.note(`hashed: ${hashed}`);
    await run.line(key);
  }
  return found?.known === false && flags.exitCode === true ? new CtxsrcError('E_DRIFT', '').exit : undefined;
}

/** What remembers keys: a registry or a file. Undefined when nothing was asked. The flags are checked at once. */
async function memoryOf(run: Run, flags: Flags): Promise<KeyMemory | undefined> {
  const [repository, file] = [textFlag(flags, 'known'), textFlag(flags, 'knownFile')];
  if (repository !== undefined && file !== undefined) {
    throw new CtxsrcError('E_USAGE', '--known and --known-file exclude each other', { hint: 'leave one of them out' });
  }
  if (repository === undefined && file === undefined) {
    if (flags.exitCode !== true) return undefined;
    throw new CtxsrcError('E_USAGE', '--exit-code says whether the key is known, and nothing is asked for that', {
      hint: 'add --known docker-image://REPO or --known-file FILE',
    });
  }
  const { memoryOfList, memoryOfRepository } = await import('../../build/known.ts');
  return file === undefined ? memoryOfRepository(repository!) : memoryOfList(file, run.io.cwd);
}
