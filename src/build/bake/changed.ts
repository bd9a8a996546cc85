/** The targets of a bake file that have to be built: those whose key nobody remembers. */
import type { JobContext, SourceEnv } from '../../contract/index.ts';
import type { Digest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { jsonObject } from '../../core/is-object.ts';
import { memberOf } from '../../core/json-members.ts';
import { printable } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import { isImageReference } from '../../source/foreign-forms.ts';
import type { BuildKey } from '../answer.ts';
import { type KeyMemory, memoryOfRepository, noMemory, readEarlier } from '../known.ts';
import type { BakeAnswers } from './ask.ts';

/** What has to be built of a bake or compose file. */
export interface ChangedReport {
  /** Names of the targets whose key is not known. */
  readonly changed: readonly string[];
  /** The targets that were asked for, in the order of the file. */
  readonly targets: readonly ChangedTarget[];
}

/** A target, and whether it was built before. */
export interface ChangedTarget {
  /** Its name. */
  readonly target: string;
  /** The key of its build. */
  readonly key: Digest;
  /** A build with this key was done; never true for what is built without a cache. */
  readonly known: boolean;
}

/** Where an earlier run's document is looked for. */
interface Since {
  /** What names it, for messages: a flag or an argument. */
  readonly named: string;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Told what a person should know. */
  readonly note: (text: string) => void;
}

/**
 * What remembers keys: a registry (`docker-image://REPO`), or a document of `inputs --json`, in which there is none when
 * it is not there yet, as in the first run of a pipeline.
 * @throws E_USAGE for a repository with a tag, E_CONFIG for another document
 */
export async function memorySince(since: string, { named, cwd, signal, note }: Since): Promise<KeyMemory> {
  if (isImageReference(since)) return memoryOfRepository(since, named);
  const shown = printable(shownReference(since));
  const what = `the document ${shown} of ${named}`;
  const text = await readEarlier(since, { what, cwd, signal });
  if (text === undefined) note(`${shown} is not there: all targets count as changed`);
  const targets = text === undefined ? [] : targetsOf(text);
  if (targets === undefined) {
    throw new CtxsrcError('E_CONFIG', `${what} is none of ctxsrc inputs --json`, {
      hint: 'write one: ctxsrc inputs --json --from docker-bake.json > FILE; for a registry give docker-image://REPO',
    });
  }
  const keys = new Set(targets.map((target) => memberOf(target, 'key')));
  return async (_job, _env, key) => ({ known: keys.has(key), because: shown });
}

/** Asks about the targets that were asked for: nobody pushes what is only built for another one. */
export async function changedTargets(
  job: JobContext,
  env: SourceEnv,
  bake: BakeAnswers<BuildKey>,
  memory: KeyMemory,
): Promise<ChangedReport> {
  const targets = await allOrFirstFailure(
    bake.answers
      .filter(({ target }) => target.asked)
      .map(async ({ target: { name }, answer: { key }, withoutCache }) => {
        const { known } = await (withoutCache ? noMemory : memory)(job, env, key);
        return { target: name, key, known };
      }),
  );
  return { changed: targets.filter(({ known }) => !known).map(({ target }) => target), targets };
}

function targetsOf(text: string): readonly unknown[] | undefined {
  const document = jsonObject(text);
  if (Array.isArray(document?.targets)) return document.targets;
  return typeof document?.key === 'string' ? [document] : undefined;
}
