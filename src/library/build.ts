/** Keys of whole builds: `ctxsrc key --build`, `key --combined`, `inputs`. */
import type { BuildAnswer, BuildInput, BuildRequest, BuildWork } from '../build/answer.ts';
import { type InputsReport, inputsReport } from '../build/report.ts';
import type { BuildLine } from '../build/request/line.ts';
import type { JobContext } from '../contract/session.ts';
import { arrayOf, type Check, flag, having, list, members, nonEmpty, oneOf, text } from '../core/check-options.ts';
import { CtxsrcError } from '../core/errors.ts';
import { isObject } from '../core/is-object.ts';
import { type CombinedReport, combinedReport } from '../source/combined-report.ts';
import { refuseIncomplete } from '../source/incomplete.ts';
import { PLACE, type PlaceOptions } from './options.ts';
import { bound, inPlace, noteTo, type Place, understand } from './place.ts';

/** Texts by name. */
export type Named = Readonly<Record<string, string>>;

/** A build, as `docker buildx build` is told of it. */
export interface Build {
  /** The directory whose files the build copies, or the address of a repository or an archive; `.` when absent. */
  readonly context?: string | undefined;
  /** Path of the Dockerfile, from the current directory; `Dockerfile` in the context when absent. */
  readonly file?: string | undefined;
  /** The text of the Dockerfile, instead of a file. */
  readonly dockerfile?: string | undefined;
  /** The stage to build; the last when absent. */
  readonly target?: string | undefined;
  /** Build arguments by name. */
  readonly buildArgs?: Named | undefined;
  /** What to build for, `os/arch[/variant]` each; the platform of the builder when absent. */
  readonly platforms?: readonly string[] | undefined;
  /** What stands for a stage or an image, by its name: a directory, `docker-image://…`, `oci-layout://…`. */
  readonly contexts?: Named | undefined;
  /** Labels of the image by name. */
  readonly labels?: Named | undefined;
  /** Addresses of hosts in `RUN`, by host name. */
  readonly hosts?: Named | undefined;
  /** Limits of `RUN`, each as `nofile=1024:4096`. */
  readonly ulimits?: readonly string[] | undefined;
  /** The network of `RUN`: `default`, `none` or `host`. */
  readonly network?: string | undefined;
  /** Shared memory of `RUN`, as `128m`. */
  readonly shmSize?: string | undefined;
  /** The cgroup above `RUN`. */
  readonly cgroupParent?: string | undefined;
  /** The platform of the machine that builds; this one's when absent. */
  readonly buildPlatform?: string | undefined;
  /** What else the build depends on, by name: another value is another key. */
  readonly with?: Named | undefined;
  /** `exec`: modes of files as git has them, for checkouts under different umasks; `exact` when absent. */
  readonly modes?: 'exact' | 'exec' | undefined;
}

/** The key of a build, with what it is made of. */
export interface BuildKey extends InputsReport {
  /** The text whose digest the key is; it holds digests and no values. */
  readonly document: string;
  /** What is doubtful in the Dockerfile. */
  readonly findings: BuildAnswer['findings'];
}

/** Options of `combinedKey`. */
export interface CombinedOptions extends PlaceOptions {
  /** The flags of the sources; each source takes its own of them. */
  readonly attributes?: Readonly<Record<string, string | number | boolean | readonly string[]>> | undefined;
  /** The platform of the build; that of this machine if an image is among the references. */
  readonly platform?: string | undefined;
  /** Further files whose bytes count, the Dockerfile for instance. */
  readonly files?: readonly string[] | undefined;
  /** Further values that count, by name. */
  readonly with?: Named | undefined;
  /** Also returns the text that was hashed. */
  readonly preimage?: boolean | undefined;
}

/** Texts by name. */
const named: Check = (value, where) => {
  having('an object', {})(value, where);
  for (const [name, one] of Object.entries(value as object)) text(one, `${where}.${name}`);
};

/** Checks of the members of `Build`. */
export const BUILD = {
  context: nonEmpty,
  file: nonEmpty,
  dockerfile: text,
  target: text,
  buildArgs: named,
  platforms: list,
  contexts: named,
  labels: named,
  hosts: named,
  ulimits: list,
  network: text,
  shmSize: text,
  cgroupParent: text,
  buildPlatform: nonEmpty,
  with: named,
  modes: oneOf('exact', 'exec'),
} satisfies Record<keyof Build, Check>;

const COMBINED = {
  ...PLACE,
  attributes: having('an object', {}),
  platform: nonEmpty,
  files: list,
  with: named,
  preimage: flag,
} satisfies Record<keyof CombinedOptions, Check>;

/**
 * One key over everything that a build is made of: its Dockerfile, its base images, the files that it copies, its
 * arguments. Layers are not read; the environment counts as for `docker buildx build`.
 * @param build the build, or its context alone
 * @throws CtxsrcError `E_DOCKERFILE`, `E_PATH_NOT_FOUND`, and those of `digest`; with `strict` `E_DOUBTFUL`, `E_INCOMPLETE`
 */
export async function buildKey(build: Build | string = '.', options: PlaceOptions = {}): Promise<BuildKey> {
  return withAnswer(build, options, async (answer) => ({
    ...inputsReport(answer),
    document: answer.document,
    findings: answer.findings,
  }));
}

/**
 * Each source that a build resolves, with the lines that ask for it, its digest and its key. The same work as `buildKey`.
 * @param build the build, or its context alone
 * @throws CtxsrcError as `buildKey`
 */
export async function inputs(build: Build | string = '.', options: PlaceOptions = {}): Promise<readonly BuildInput[]> {
  return (await buildKey(build, options)).inputs;
}

/**
 * One key for several references, files and values of a program's choice.
 * @param references as on the command line, with names (`base=docker-image://alpine`) where the order shall not count
 * @throws CtxsrcError those of `cacheKey`; `E_USAGE` for a name that is given twice or a flag that no source has
 */
export async function combinedKey(
  references: readonly string[],
  options: CombinedOptions = {},
): Promise<CombinedReport> {
  arrayOf(nonEmpty)(references, 'references');
  members(COMBINED)(options, '');
  const { platform, files = [], with: pairs = {}, preimage = false, strict = false } = options;
  return inPlace(options, async (place) => {
    const { env, job } = place;
    const resolved = await boundEach(place, references, {
      ...(platform === undefined ? {} : { platform }),
      ...options.attributes,
    });
    const combination = {
      defaultPlatform: env.defaultPlatform,
      platform,
      files,
      pairs: Object.entries(pairs),
      preimage,
    };
    return combinedReport(job, resolved, combination, (keys) => {
      if (strict) for (const one of keys) refuseIncomplete(one);
    });
  });
}

/** The instances of references, each with the attributes that its source has. */
async function boundEach(place: Place, references: readonly string[], attributes: object) {
  const used = new Set<string>();
  const resolved = await Promise.all(
    references.map(async (reference) => {
      const { source } = await understand(place.table, reference);
      const own = Object.entries(attributes).filter(([name]) => source.attributes.some((spec) => spec.name === name));
      for (const [name] of own) used.add(name);
      return bound(place, reference, Object.fromEntries(own));
    }),
  );
  const idle = Object.keys(attributes).find((name) => !used.has(name) && name !== 'platform');
  if (idle === undefined) return resolved;
  throw new CtxsrcError('E_USAGE', `attributes.${idle} means nothing for ${references.join(', ')}`, {
    hint: 'leave it out; ctxsrc sources lists which flags each kind of reference takes',
  });
}

/** Asks for the key of a build and its inputs, and does work with the answer. */
export async function withAnswer<T>(
  build: Build | string,
  options: PlaceOptions,
  use: (answer: BuildAnswer, job: JobContext) => Promise<T>,
): Promise<T> {
  return inBuild(build, options, async (request, work) => {
    const { buildKey: ask } = await import('../build/build-key.ts');
    const answer = await ask(request, work);
    if (options.strict === true) refuseIncomplete([answer], `the key of ${answer.file}`);
    return use(answer, work.job);
  });
}

/** Reads a build and does work with it. */
export async function inBuild<T>(
  build: Build | string,
  options: PlaceOptions,
  use: (request: BuildRequest, work: BuildWork) => Promise<T>,
): Promise<T> {
  members(PLACE)(options, '');
  const line = lineOf(build);
  const { withRequest } = await import('../build/request/with-request.ts');
  return inPlace(options, ({ table, env, job }) =>
    withRequest(line, { table, env, job }, { env: process.env, cwd: process.cwd() }, async (request, notes) => {
      notes.forEach(noteTo(job));
      return use(request, { table, env, job });
    }),
  );
}

/** A build as the command line has it. */
export function lineOf(given: Build | string): BuildLine {
  if (isObject(given)) members(BUILD)(given, 'build');
  else nonEmpty(given, 'build');
  const build: Build = isObject(given) ? given : { context: given };
  const pairs = (texts: Named = {}): string[] => Object.entries(texts).map(([name, value]) => `${name}=${value}`);
  return {
    context: build.context ?? '.',
    file: build.file,
    inline: build.dockerfile,
    target: build.target,
    buildArgs: pairs(build.buildArgs),
    platforms: build.platforms ?? [],
    buildContexts: pairs(build.contexts),
    labels: pairs(build.labels),
    addHosts: pairs(build.hosts),
    ulimits: build.ulimits ?? [],
    network: build.network,
    shmSize: build.shmSize,
    cgroupParent: build.cgroupParent,
    buildPlatform: build.buildPlatform,
    salts: pairs(build.with),
    modes: build.modes ?? 'exact',
  };
}
