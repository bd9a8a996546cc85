/** The named contexts of a build: their values as the front end gets them, and what stands behind the values. */
import { digestHex, parseDigest, sha256 } from '../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { formatLayoutReference } from '../source/layout-reference.ts';
import { identify } from '../source/resolve.ts';
import type { BuildRequest, BuildWork } from './answer.ts';
import { type ContextIgnores, contextIgnores } from './context-ignores.ts';
import type { BuildSources } from './sources.ts';
import { inputsOfTarget, targetOfContext } from './target-contexts.ts';

/** A directory that files are copied from. */
export interface ContextDirectory {
  /** As the build calls it. */
  readonly name: string;
  /** Absolute; undefined for a context without files. */
  readonly path: string | undefined;
  readonly ignores: ContextIgnores;
  readonly remote?: BuildRequest['remote'];
}

export interface NamedContexts {
  /** NAME → value, for the front end. */
  readonly values: ReadonlyMap<string, string>;
  /** The directory behind `local:NAME`, its ignore file read when it is first asked for. */
  directory(local: string): Promise<ContextDirectory>;
  /** The reference of a layout by the name that its value has for it. */
  readonly layouts: ReadonlyMap<string, string>;
  /** NAME of the context that a source is; a layout is told by the name that its value has for it. */
  nameOf(identifier: string, layout: string | undefined): string | undefined;
  /** NAME of the context that another target is. */
  nameOfTarget(target: string): string | undefined;
}

/** What BuildKit calls the main context. */
export const MAIN_CONTEXT = 'context';

const LAYOUT = /^oci-layout:\/\//;

/**
 * Brings `--build-context` into the form in which buildx hands it on: a directory by a name, a layout by its digest,
 * which is looked up here and now, used or not.
 */
export async function openContexts(
  request: BuildRequest,
  sources: BuildSources,
  work: BuildWork,
): Promise<NamedContexts> {
  const values = new Map<string, string>();
  const layouts = new Map<string, string>();
  const paths = new Map<string, { readonly name: string; readonly path: string }>();
  for (const [name, value] of request.contexts) {
    const target = targetOfContext(value);
    if (target !== undefined) {
      for (const [key, input] of inputsOfTarget(name, target, request)) values.set(key, input);
    } else if (value.startsWith('/')) {
      // These two names are the front end's own.
      const local = name === MAIN_CONTEXT || name === 'dockerfile' ? `_${name}` : name;
      paths.set(local, { name, path: value });
      values.set(name, `local:${local}`);
    } else if (LAYOUT.test(value)) {
      const pinned = await sources.pinned(value);
      const path = `layout-${digestHex(sha256(value)).slice(0, 16)}`;
      const digest = parseDigest(pinned.slice(pinned.lastIndexOf('@') + 1));
      layouts.set(path, pinned);
      values.set(name, formatLayoutReference({ path, tag: undefined, digest }));
    } else {
      values.set(name, value);
    }
  }
  const opened = new Map<string, Promise<ContextDirectory>>();
  const directory = (local: string): Promise<ContextDirectory> => {
    const found = paths.get(local);
    if (found === undefined) throw new CtxsrcError('E_INTERNAL', `there is no context ${local}`);
    const opening =
      opened.get(local) ?? contextIgnores(work.job, found.path, undefined).then((ignores) => ({ ...found, ignores }));
    opened.set(local, opening);
    return opening;
  };
  const names = await namesBySource(request, work);
  const nameOf = (identifier: string, layout: string | undefined): string | undefined =>
    layout === undefined
      ? names.get(identifier)
      : [...values].find(([, value]) => value.includes(`://${layout}@`))?.[0];
  const nameOfTarget = (target: string): string | undefined =>
    [...request.contexts].find(([, value]) => targetOfContext(value) === target)?.[0];
  return { values, layouts, directory, nameOf, nameOfTarget };
}

/** NAME by the identifier of the value. A value that is no reference is an error only where the build uses it. */
async function namesBySource({ contexts }: BuildRequest, { table }: BuildWork): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const [name, value] of contexts) {
    try {
      names.set(String((await identify(table, value, {})).identifier), name);
    } catch (error) {
      if (!isCtxsrcError(error)) throw error;
    }
  }
  return names;
}

/** The main context with its patterns. */
export async function openMainContext(
  { context, remote, dockerfile }: BuildRequest,
  { job }: BuildWork,
): Promise<ContextDirectory> {
  const isHere = context !== undefined && remote === undefined;
  const ignores = isHere ? await contextIgnores(job, context, dockerfile) : NO_IGNORES;
  return { name: MAIN_CONTEXT, path: context, ignores, remote };
}

const NO_IGNORES: ContextIgnores = { name: undefined, exclude: [], excludedBy: () => '' };
