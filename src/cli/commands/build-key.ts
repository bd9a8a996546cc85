import { resolve } from 'node:path';
import type { BuildKey } from '../../build/answer.ts';
import { keyOfBuild } from '../../build/build-key.ts';
import { inputsReport } from '../../build/report.ts';
import type { Digest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { nameOf } from '../../oci/reference.ts';
import { safeKey } from '../../source/document.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { checkCovered, readEarlier, tellFinding, withBuild } from './build-run.ts';

/** `ctxsrc key --build [DIR]` */
export async function run(run: Run, args: readonly string[], flags: Flags): Promise<number | undefined> {
  const memory = await memoryOf(run, flags);
  if (flags.from !== undefined) {
    const { keyOfTarget } = await import('./bake-key.ts');
    return keyOfTarget(run, args, flags, ({ answer, withoutCache }) =>
      print(run, answer, memory && withoutCache ? withoutMemory : memory, flags),
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
  memory: Memory | undefined,
  flags: Flags,
): Promise<number | undefined> {
  checkCovered(run, answer);
  // The other findings are for `inputs`.
  for (const finding of answer.idle) tellFinding(run, answer, finding, 'note');
  const found = await memory?.(answer.key);
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

interface Found {
  readonly known: boolean;
  /** For people. */
  readonly because: string;
}

type Memory = (key: Digest) => Promise<Found>;

/** What is built without a cache is built anew, whatever was built before. */
const withoutMemory: Memory = async () => ({ known: false, because: 'the target is built without a cache' });

/** What remembers keys: a registry or a file. Undefined when nothing was asked. The flags are checked at once. */
async function memoryOf(run: Run, flags: Flags): Promise<Memory | undefined> {
  const [known, file] = [textFlag(flags, 'known'), textFlag(flags, 'knownFile')];
  if (known !== undefined && file !== undefined) {
    throw new CtxsrcError('E_USAGE', '--known and --known-file exclude each other', { hint: 'leave one of them out' });
  }
  if (known !== undefined) {
    const { isPushed, knownRepository, knownTag } = await import('../../build/known.ts');
    const repository = knownRepository(known);
    return async (key) => {
      const is = await isPushed(await run.job(), (await run.environment()).env, repository, key);
      return { known: is, because: `${nameOf(repository)} has ${is ? 'the' : 'no'} tag ${knownTag(key)}` };
    };
  }
  if (file !== undefined) {
    const { isListed } = await import('../../build/known.ts');
    return async (key) => {
      const list = await readEarlier(run, file, `the list of keys ${printable(shownReference(file))}`);
      const is = list !== undefined && isListed(list, key);
      return {
        known: is,
        because: `${shownReference(file)} ${list === undefined ? 'is not there' : is ? 'lists it' : 'does not list it'}`,
      };
    };
  }
  if (flags.exitCode !== true) return undefined;
  throw new CtxsrcError('E_USAGE', '--exit-code says whether the key is known, and nothing is asked for that', {
    hint: 'add --known docker-image://REPO or --known-file FILE',
  });
}
