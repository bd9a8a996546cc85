/** One directory with its store: its keys and its content. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CacheKeyResult,
  type DescribeOptions,
  type Description,
  type Digests,
  type FilesInPlace,
  type Identifier,
  type ImmutableRef,
  type JobContext,
  NO_CACHE_OPTS,
  type SourceEnv,
  type SourceInstance,
} from '../../contract/index.ts';
import { sha256 } from '../../core/digest.ts';
import { Once } from '../../core/once.ts';
import { printable } from '../../core/printable.ts';
import { warnOrRefuse } from '../../core/progress.ts';
import { shellWord } from '../../core/shell-word.ts';
import { type HashedTree, hashTree } from '../../fs/hash/hash-tree.ts';
import type { LocalOptions } from './attributes.ts';
import { definitionKey } from './definition.ts';
import type { FilteredDirectory } from './describe.ts';
import { resolveDirectory } from './directory.ts';
import { type IgnoreFile, loadIgnoreFile, placeOfLine } from './find-ignore-file.ts';
import { versionControlIn } from './version-control.ts';

/** Folder of the store for stat caches. */
const STAT_CACHE = 'stat-cache';
/** The name of the unnamed context in builders. */
const MAIN_CONTEXT = 'context';

/** The folder where the digests of directories' files are remembered; undefined if they are not. */
export function statCacheOf({ statCache, store }: SourceEnv): string | undefined {
  return statCache ? join(store.root, STAT_CACHE) : undefined;
}

export interface LocalSubject {
  readonly identifier: Identifier;
  /** Absolute. */
  readonly path: string;
  readonly name: string | undefined;
  /** The reference is a plain path, so the directory may be something else than a context. */
  readonly plain: boolean;
  readonly options: LocalOptions;
  readonly env: SourceEnv;
}

export class LocalInstance implements SourceInstance {
  readonly #subject: LocalSubject;
  readonly #directory = new Once<FilteredDirectory>();
  readonly #definition = new Once<CacheKeyResult>();
  readonly #hashed = new Once<HashedTree>();

  constructor(subject: LocalSubject) {
    this.#subject = subject;
  }

  async cacheKey(job: JobContext, index: number): Promise<CacheKeyResult> {
    if (index === 0) return this.#definition.runFor(job.signal, () => this.#definitionKey(job));
    const { digest, preimage, incomplete } = await this.#hash(job);
    const key = `sha256:${digest}`;
    return { key, pin: key, done: true, opts: NO_CACHE_OPTS, preimage, incomplete };
  }

  async digests(job: JobContext): Promise<Digests> {
    return { digest: `sha256:${(await this.#hash(job)).digest}` };
  }

  async snapshot(job: JobContext): Promise<ImmutableRef | null> {
    const hashed = await this.#hash(job);
    if (hashed.entries === 0) return null;
    const { root, filter } = await this.#filtered(job);
    const { modes } = this.#subject.options;
    return this.#subject.env.store.ref({
      id: sha256(`local:sha256:${hashed.digest}`),
      produce: async (producing, dir, options) => {
        const { copyTree } = await import('./copy-tree.ts');
        return copyTree(producing, { root, filter, modes, digest: hashed.digest, dir, options });
      },
    });
  }

  async describe(job: JobContext, { why, detailed = false }: DescribeOptions = {}): Promise<Description> {
    const directory = await this.#filtered(job);
    const { describeTree } = await import('./describe.ts');
    const { limits } = this.#subject.env;
    const facts = await describeTree(job, directory, { why, detailed, limits }, () => this.#hash(job));
    return { identifier: String(this.#subject.identifier), ...facts };
  }

  async files(job: JobContext): Promise<FilesInPlace> {
    const { root, filter } = await this.#filtered(job);
    return { root, ...filter, modes: this.#subject.options.modes, statCache: this.#statCache };
  }

  #filtered(job: JobContext): Promise<FilteredDirectory> {
    return this.#directory.runFor(job.signal, async () => {
      const { path, options, name, plain } = this.#subject;
      const root = resolveDirectory(path);
      if (plain && isLayout(root)) warnOfLayout(job, path);
      const note = (text: string, hint: string): void => this.#note(job, text, hint);
      const isMain = name === undefined;
      const ignoreFile = await loadIgnoreFile({ directory: path, options, isMain, signal: job.signal, note });
      const exclude = [...(ignoreFile?.lines ?? []).map(({ pattern }) => pattern), ...options.exclude];
      const filter = {
        ...(options.include.length === 0 ? {} : { include: options.include }),
        ...(exclude.length === 0 ? {} : { exclude }),
        ...(options.follow.length === 0 ? {} : { follow: options.follow }),
        excludedBy: (index: number) => placeOf(index, ignoreFile, exclude),
      };
      return { root, ignoreFile, filter };
    });
  }

  async #definitionKey(job: JobContext): Promise<CacheKeyResult> {
    const { name, options } = this.#subject;
    const { filter } = await this.#filtered(job);
    const definition = definitionKey({
      name: name ?? MAIN_CONTEXT,
      session: options.session ?? job.session.id,
      include: filter.include ?? null,
      exclude: filter.exclude ?? null,
      follow: filter.follow ?? null,
    });
    return { ...definition, done: false, opts: NO_CACHE_OPTS };
  }

  #note(job: JobContext, text: string, hint: string): void {
    job.progress.emit({ type: 'message', level: 'note', text, hint });
  }

  get #statCache(): string | undefined {
    return statCacheOf(this.#subject.env);
  }

  #hash(job: JobContext): Promise<HashedTree> {
    return this.#hashed.runFor(job.signal, () => this.#hashAll(job));
  }

  async #hashAll(job: JobContext): Promise<HashedTree> {
    const { root, filter } = await this.#filtered(job);
    const hashed = await hashTree(root, {
      filter,
      modes: this.#subject.options.modes,
      cacheDir: this.#statCache,
      signal: job.signal,
      progress: job.progress,
      limits: this.#subject.env.limits,
    });
    for (const name of versionControlIn(root, filter)) {
      this.#note(
        job,
        `${name} is part of ${printable(String(this.#subject.identifier))}: it is another in each clone, and so is the key`,
        `put ${name} into .dockerignore (the build leaves it out too), or add --exclude ${name} for the key alone`,
      );
    }
    return hashed;
  }
}

/** Recognised by the two files that every OCI layout has. */
function isLayout(root: string): boolean {
  return ['oci-layout', 'index.json'].every((name) => existsSync(Buffer.from(`${root}/${name}`, 'latin1')));
}

/** Builders hash such a directory like any other, but the user probably means the image. */
function warnOfLayout(job: JobContext, path: string): void {
  const shown = printable(path);
  warnOrRefuse(
    job,
    'E_DOUBTFUL',
    `${shown} is an OCI layout: its files are taken, not the image in it`,
    `for the image in it type ${shellWord(`oci-layout://${shown}`)}, for the directory ${shellWord(`local://${shown}`)}`,
  );
}

/** The position of an exclude pattern, for messages. */
function placeOf(index: number, ignoreFile: IgnoreFile | undefined, exclude: readonly string[]): string {
  const line = ignoreFile?.lines[index];
  if (line === undefined) return `--exclude ${printable(exclude[index] ?? '')}`;
  return placeOfLine(ignoreFile!, line);
}
