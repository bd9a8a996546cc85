/** A target of a bake file as a request for a build. */
import { statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { contextName, referenceOfContext } from '../../source/foreign-forms.ts';
import type { TargetResult } from '../answer.ts';
import type { BuildLine, Environment } from '../request/line.ts';
import { located } from '../request/named-contexts.ts';
import { type ReadOptions, type ReadRequest, readRequest } from '../request/read.ts';
import { targetOfContext } from '../target-contexts.ts';
import type { BakeFile } from './read.ts';
import type { BakeTarget } from './target.ts';

/** What the command line adds to every target. */
export type Shared = Pick<BuildLine, 'buildPlatform' | 'salts' | 'modes'>;

/** Paths that bake takes from where it was started, whatever the folder of the others. */
const HERE = 'cwd://';

/**
 * The request of a target.
 * @param options.cwd the current directory
 * @param results what the targets are that this one is built from
 */
export async function targetRequest(
  target: BakeTarget,
  file: BakeFile,
  shared: Shared,
  results: ReadonlyMap<string, TargetResult>,
  options: ReadOptions,
): Promise<ReadRequest> {
  const { folder } = file;
  const context = mainContext(target, folder, options.cwd);
  const line: BuildLine = {
    ...shared,
    context,
    file: dockerfileOf(target, context, folder, options.cwd),
    inline: target.inline,
    target: target.stage,
    buildArgs: pairsOf(target.args),
    platforms: target.platforms,
    buildContexts: [],
    labels: pairsOf(target.labels),
    addHosts: [...target.extraHosts].flatMap(([host, addresses]) =>
      addresses.split(',').map((address) => `${host}=${address}`),
    ),
    ulimits: target.ulimits,
    network: target.network,
    shmSize: target.shmSize,
    policies: target.policies,
  };
  const env = bakeEnvironment(options.env, file);
  const read = await readRequest(line, { ...options, env, cwd: folder });
  const { contexts, notes } = namedContexts(target, folder, options.cwd);
  const caches = target.withoutCache
    ? [`target ${printable(target.name)}: it is built without a cache, whatever its key says`]
    : [];
  const request = { ...read.request, contexts, targets: results };
  return { ...read, request, notes: [...read.notes, ...notes, ...caches] };
}

/** bake reads no platform from the environment; the time it reads is in what it prints already. */
function bakeEnvironment(env: Environment, { evaluated, piped }: BakeFile): Environment {
  const { DOCKER_DEFAULT_PLATFORM: _, SOURCE_DATE_EPOCH: time, ...rest } = env;
  return evaluated || piped || time === undefined ? rest : { ...rest, SOURCE_DATE_EPOCH: time };
}

/** A directory is checked here, where what was tried can be told. */
function mainContext({ context = '.' }: BakeTarget, folder: string, cwd: string): string {
  if (context === '-') {
    throw new CtxsrcError('E_USAGE', 'its context is standard input, which bake does not take', {
      hint: 'name a directory',
    });
  }
  const path = fromHere(context, cwd);
  if (referenceOfContext(path, folder) !== undefined) return path;
  const tried = resolve(folder, path);
  if (statSync(tried, { throwIfNoEntry: false })?.isDirectory() === true) return path;
  throw new CtxsrcError(
    'E_PATH_NOT_FOUND',
    `its context ${shown(context)} is no directory: ${printable(tried)} was tried`,
    {
      hint: 'bake takes paths from the current directory: run ctxsrc there, or set BUILDX_BAKE_FILE_RELATIVE_PATHS=1 for those beside the file',
    },
  );
}

/** Beside its context, unless that is not of this machine. */
function dockerfileOf({ dockerfile = 'Dockerfile' }: BakeTarget, context: string, folder: string, cwd: string): string {
  if (dockerfile === '-') {
    throw new CtxsrcError('E_USAGE', 'its Dockerfile is standard input, which bake does not take', {
      hint: 'write it into the file: dockerfile-inline',
    });
  }
  const path = fromHere(dockerfile, cwd);
  const besideNothing = isAbsolute(path) || referenceOfContext(context, folder) !== undefined;
  return besideNothing ? path : join(context, path);
}

function namedContexts({ name: target, contexts }: BakeTarget, folder: string, cwd: string) {
  const found = new Map<string, string>();
  const notes: string[] = [];
  for (const [name, value] of contexts) {
    const [image = '', platform] = name.split('::', 2);
    const lookedUp = contextName(image);
    // Only the command line brings names into the form in which BuildKit looks for them.
    if (lookedUp !== image) {
      const instead =
        lookedUp === undefined ? '' : `: write ${lookedUp}${platform === undefined ? '' : `::${platform}`}`;
      notes.push(`target ${printable(target)}: its context ${printable(name)} can never match${instead}`);
      continue;
    }
    found.set(name, contextOf(name, fromHere(value, cwd), folder));
  }
  return { contexts: found, notes };
}

function contextOf(name: string, value: string, folder: string): string {
  return targetOfContext(value) === undefined ? located(name, value, folder) : value;
}

function fromHere(path: string, cwd: string): string {
  return path.startsWith(HERE) ? resolve(cwd, path.slice(HERE.length)) : path;
}

const pairsOf = (map: ReadonlyMap<string, string>): string[] => [...map].map(([name, value]) => `${name}=${value}`);

const shown = (context: string): string => JSON.stringify(shownReference(context));
