/** `inputs --from FILE --changed-since …`: the targets that have to be built, fit for a matrix. */
import type { BuildAnswer } from '../../build/answer.ts';
import type { BakeAnswers } from '../../build/bake/ask.ts';
import { isPushed, knownRepository } from '../../build/known.ts';
import type { Digest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { jsonObject } from '../../core/is-object.ts';
import { memberOf } from '../../core/json-members.ts';
import { printable, printableJson } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import { isImageReference } from '../../source/foreign-forms.ts';
import { appendStepSummary } from '../ci/step-summary.ts';
import type { Run } from '../run.ts';
import { readEarlier } from './build-run.ts';

/** Whether a build with this key was done. */
type Memory = (key: Digest) => Promise<boolean>;

/** What remembers keys: a registry, or a document of `inputs --json`. The value of the flag is checked at once. */
export async function memoryOf(run: Run, since: string): Promise<Memory> {
  if (isImageReference(since)) {
    const repository = knownRepository(since, '--changed-since');
    return async (key) => isPushed(await run.job(), (await run.environment()).env, repository, key);
  }
  const keys = await savedKeys(run, since);
  return async (key) => keys.has(key);
}

interface AskedTarget {
  readonly target: string;
  readonly key: Digest;
  /** Somebody remembers its key. */
  readonly known: boolean;
}

/** The targets that were asked for: nobody pushes what is only built for another one. */
export async function askMemory(bake: BakeAnswers<BuildAnswer>, memory: Memory): Promise<readonly AskedTarget[]> {
  const asked = bake.answers.filter(({ target }) => target.asked);
  return allOrFirstFailure(
    asked.map(async ({ target: { name }, answer: { key }, withoutCache }) => {
      // What is built without a cache is built anew, whatever was built before.
      return { target: name, key, known: !withoutCache && (await memory(key)) };
    }),
  );
}

/** Prints the names of the targets whose key nobody remembers as one JSON list. */
export async function printChanged(run: Run, targets: readonly AskedTarget[]): Promise<undefined> {
  const changed = targets.filter(({ known }) => !known).map(({ target }) => target);
  await run.githubOutput({ targets: JSON.stringify(changed) });
  await appendStepSummary(run, {
    title: `ctxsrc inputs: ${changed.length === 0 ? 'none' : changed.length} of ${targets.length} targets changed`,
    changed: changed.length > 0,
    header: ['target', 'key'],
    rows: targets.filter(({ known }) => !known).map(({ target, key }) => [target, key]),
  });
  run.note(`${changed.length} of ${targets.length} targets changed`);
  if (run.json) return run.document({ changed, targets });
  return run.exact(printableJson(`${JSON.stringify(changed)}\n`));
}

/** The keys in a document; none when there is no document yet, as in the first run of a pipeline. */
async function savedKeys(run: Run, file: string): Promise<ReadonlySet<unknown>> {
  const what = `the document ${printable(shownReference(file))} of --changed-since`;
  const text = await readEarlier(run, file, what);
  if (text === undefined) {
    run.note(`${printable(shownReference(file))} is not there: all targets count as changed`);
    return new Set();
  }
  const targets = targetsOf(text);
  if (targets !== undefined) return new Set(targets.map((target) => memberOf(target, 'key')));
  throw new CtxsrcError('E_CONFIG', `${what} is none of ctxsrc inputs --json`, {
    hint: 'write one: ctxsrc inputs --json --from docker-bake.json > FILE; for a registry give docker-image://REPO',
  });
}

function targetsOf(text: string): readonly unknown[] | undefined {
  const document = jsonObject(text);
  if (Array.isArray(document?.targets)) return document.targets;
  return typeof document?.key === 'string' ? [document] : undefined;
}
