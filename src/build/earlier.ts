/** What has changed since an earlier document of `inputs --json`: which keys it has, and which inputs. */
import { CtxsrcError } from '../core/errors.ts';
import { jsonObject } from '../core/is-object.ts';
import { memberOf } from '../core/json-members.ts';
import { printable } from '../core/printable.ts';
import { shownReference } from '../core/shown-reference.ts';
import type { BuildAnswer, BuildInput } from './answer.ts';
import { readEarlier } from './known.ts';

/** Where an earlier document is looked for. */
export interface Since {
  /** What names it, for messages: a flag or an argument. */
  readonly named: string;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Told what a person should know. */
  readonly note: (text: string) => void;
}

/** The builds of an earlier document. */
export interface EarlierInputs {
  hasKey(key: string): boolean;
  hasInput(input: BuildInput): boolean;
}

/** What has changed of one build. */
export interface ChangedInputs {
  /** The earlier document has the key of this build: nothing has changed that can change its result. */
  readonly known: boolean;
  /**
   * The inputs that the earlier document does not have as they are now; none where the key is known, or only the
   * Dockerfile or a setting changed.
   */
  readonly changed: readonly BuildInput[];
}

/**
 * Reads an earlier document. One that is not there yet, as in the first run of a pipeline, has nothing.
 * @throws E_CONFIG for a file that is none of `inputs --json`
 */
export async function readEarlierInputs(file: string, { named, cwd, signal, note }: Since): Promise<EarlierInputs> {
  const shown = printable(shownReference(file));
  const what = `the document ${shown} of ${named}`;
  const text = await readEarlier(file, { what, cwd, signal });
  if (text === undefined) note(`${shown} is not there: everything counts as changed`);
  const builds = text === undefined ? [] : buildsOf(text);
  if (builds === undefined) {
    throw new CtxsrcError('E_CONFIG', `${what} is none of ctxsrc inputs --json`, {
      hint: 'write one: ctxsrc inputs --json > FILE, with --from for a bake file; for a registry give docker-image://REPO',
    });
  }
  const keys = new Set(builds.map((build) => memberOf(build, 'key')));
  const inputs = new Set(
    builds.flatMap((build) => {
      const list = memberOf(build, 'inputs');
      return Array.isArray(list) ? list.map(identityOf) : [];
    }),
  );
  return { hasKey: (key) => keys.has(key), hasInput: (input) => inputs.has(identityOf(input)) };
}

/** What has changed of a build. */
export function changedInputs(
  { key, inputs }: Pick<BuildAnswer, 'key' | 'inputs'>,
  earlier: EarlierInputs,
): ChangedInputs {
  const known = earlier.hasKey(key);
  return { known, changed: known ? [] : inputs.filter((input) => !earlier.hasInput(input)) };
}

/** The inputs that have changed before the others. */
export function changedFirst(
  inputs: readonly BuildInput[],
  { changed }: Pick<ChangedInputs, 'changed'>,
): readonly BuildInput[] {
  return [...changed, ...inputs.filter((one) => !changed.includes(one))];
}

function buildsOf(text: string): readonly unknown[] | undefined {
  const document = jsonObject(text);
  if (Array.isArray(document?.targets)) return document.targets;
  return typeof document?.key === 'string' ? [document] : undefined;
}

/**
 * What an input gives to a build, wherever it is asked for: its content and, of an image, its configuration. So the
 * digest of an index that has gained an entry for another platform does not count, and of an image that reaches nothing
 * only its configuration does.
 */
function identityOf(input: unknown): string {
  const [name, platform, key, digest, ref, config, used] = MEMBERS.map((member) => memberOf(input, member));
  return JSON.stringify([name, platform, used === false ? used : (key ?? digest ?? ref), config]);
}

const MEMBERS = ['name', 'platform', 'key', 'digest', 'ref', 'config', 'used'];
