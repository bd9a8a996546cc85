/** The targets of a bake file that have to be built: those whose key nobody remembers. */
import type { JobContext, SourceEnv } from '../../contract/index.ts';
import type { Digest } from '../../core/digest.ts';
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import { isImageReference } from '../../source/foreign-forms.ts';
import type { BuildKey } from '../answer.ts';
import { type EarlierInputs, readEarlierInputs, type Since } from '../earlier.ts';
import { type KeyMemory, memoryOfRepository, noMemory } from '../known.ts';
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

/** What remembers keys. */
export interface Remembered {
  readonly memory: KeyMemory;
  /** Of a document: what it has of inputs, too. */
  readonly earlier: EarlierInputs | undefined;
}

/**
 * What remembers keys: a registry (`docker-image://REPO`), or a document of `inputs --json`.
 * @throws E_USAGE for a repository with a tag, E_CONFIG for another document
 */
export async function memorySince(since: string, where: Since): Promise<Remembered> {
  if (isImageReference(since)) return { memory: memoryOfRepository(since, where.named), earlier: undefined };
  const earlier = await readEarlierInputs(since, where);
  return { memory: async (_job, _env, key) => ({ known: earlier.hasKey(key), because: since }), earlier };
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
