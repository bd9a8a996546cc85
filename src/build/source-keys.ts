/** What stands for the files of each source of a build: the key of an image, the content of what is taken of a directory. */
import { type Digest, isDigest, sha256 } from '../core/digest.ts';
import { isCtxsrcError } from '../core/errors.ts';
import { octal } from '../core/format.ts';
import { allOrFirstFailure } from '../core/side-by-side.ts';
import { stableJson } from '../core/stable-json.ts';
import type { ImageConfig, ImageRequest, Place, Vertex } from '../dockerfile/graph/types.ts';
import { statCacheOf } from '../source/local/instance.ts';
import type { BuildRequest, BuildWork } from './answer.ts';
import type { BuildDetail, PathDetail } from './build-detail.ts';
import { type ContextContent, type ContextOptions, openContext } from './content/context.ts';
import { emptyContext } from './content/empty.ts';
import { type ContextDirectory, MAIN_CONTEXT, type NamedContexts } from './contexts.ts';
import { type BuildSources, type OpenSource, referenceOf } from './sources.ts';
import { type Selection, takesAll } from './step/selection.ts';
import type { SourceKey } from './step/steps.ts';
import { imageOfInput, resultOf, targetOfInput } from './target-contexts.ts';

/** What a build takes of one directory. */
export interface TakenDirectory {
  readonly directory: ContextDirectory;
  /** Absent: everything. */
  readonly followPaths: readonly string[] | undefined;
  readonly content: ContextContent;
  /** What steps take, as far as they were asked for. */
  readonly selections: Selection[];
}

/** What the operations of sources name their directory by. */
const LOCAL = 'local://';
const INPUT = 'input://';

export class SourceKeys {
  readonly sources: BuildSources;
  readonly contexts: NamedContexts;
  readonly #main: ContextDirectory;
  readonly #request: BuildRequest;
  readonly #work: BuildWork;
  readonly #directories = new Map<string, Promise<TakenDirectory>>();
  readonly #incomplete = new Set<string>();

  constructor(
    sources: BuildSources,
    contexts: NamedContexts,
    main: ContextDirectory,
    request: BuildRequest,
    work: BuildWork,
  ) {
    this.sources = sources;
    this.contexts = contexts;
    this.#main = main;
    this.#request = request;
    this.#work = work;
  }

  /** What the main context was fetched from, if it is not of this machine. */
  get remote(): ContextDirectory['remote'] {
    return this.#main.remote;
  }

  /** What stands for the files that an operation takes of a source. An error is told with the place of the operation. */
  readonly keyOf = async (
    source: Vertex,
    selections: readonly Selection[],
    places: readonly Place[],
  ): Promise<SourceKey> => {
    try {
      return isDirectory(source)
        ? await this.#keyOfFiles(source, selections)
        : await this.#keyOfSource(source, selections);
    } catch (error) {
      const [place] = places;
      if (place === undefined || !isCtxsrcError(error)) throw error;
      const { path } = this.#request.dockerfile;
      throw error.with({
        details: { line: place.line, ...(path !== undefined && { path }) },
        message: `${this.#request.dockerfile.name}:${place.line}: ${place.instruction}: ${error.message}`,
      });
    }
  };

  async #keyOfFiles(source: Vertex, selections: readonly Selection[]): Promise<SourceKey> {
    const taken = await this.directory(source);
    taken.selections.push(...selections);
    const { content } = taken;
    // One by one: together they would be sorted, and two sources of one name could change places unseen.
    const digests = await allOrFirstFailure(selections.map((selection) => content.digest([selection])));
    return { key: digests.length === 1 ? digests[0]! : sha256(digests.join('\n')), ofFiles: true };
  }

  async #keyOfSource(source: Vertex, selections: readonly Selection[]): Promise<SourceKey> {
    const target = targetOfVertex(source);
    if (target !== undefined) return { key: this.keyOfTarget(target), ofFiles: false };
    const { key, pin } = await (await this.open(source)).key();
    // A step that copies a downloaded file sees its content, and not when the server last touched it.
    const ofBody = isDownload(source) && !selections.some(takesAll);
    return { key: printedKey(ofBody ? pin : key), ofFiles: false };
  }

  /** The key of another target of the same bake file. */
  keyOfTarget(target: string): Digest {
    return resultOf(target, this.#request).key;
  }

  /** The configuration of what another target makes. */
  imageOfInput(input: string): ImageConfig {
    return imageOfInput(input, this.#request);
  }

  /** The source of an operation that is no directory. */
  open(source: Vertex): Promise<OpenSource> {
    const { text, attributes } = referenceOf(source, this.contexts.layouts);
    return this.sources.open(text, attributes);
  }

  /** The directory of an operation, not read. */
  directoryOf({ op }: Vertex): Promise<ContextDirectory> {
    return this.#directoryAt(String(op.identifier).slice(LOCAL.length));
  }

  /** The directory of an operation, read once for the same paths. */
  directory({ op, attrs = {} }: Vertex): Promise<TakenDirectory> {
    const local = String(op.identifier).slice(LOCAL.length);
    const followPaths = attrs['local.followpaths'];
    const name = stableJson([local, followPaths]);
    const opening =
      this.#directories.get(name) ??
      this.#take(local, followPaths === undefined ? undefined : (JSON.parse(followPaths) as string[]));
    this.#directories.set(name, opening);
    return opening;
  }

  /** Every path that a step takes. Files are read for it: the digests of the key hold content and mode together. */
  async paths(): Promise<PathDetail[]> {
    const lists = (await Promise.all(this.#directories.values())).map(async ({ directory, content, selections }) =>
      (await content.entries(selections)).map(({ path, type, digest, mode, content: bytes }) => {
        const entry = { context: directory.name, path, type, mode: octal(mode), digest };
        return bytes === undefined ? entry : { ...entry, content: bytes };
      }),
    );
    return (await allOrFirstFailure(lists)).flat();
  }

  /** What the ignore files of the directories leave out. */
  async ignores(): Promise<BuildDetail['ignores']> {
    const taken = await Promise.all(this.#directories.values());
    return taken.flatMap(({ directory: { name: context, ignores } }) =>
      ignores.name === undefined ? [] : [{ context, file: ignores.name, digest: sha256(stableJson(ignores.exclude)) }],
    );
  }

  /** Properties that could not be read of what was read so far. */
  get incomplete(): readonly string[] {
    return [...this.#incomplete];
  }

  async #take(local: string, followPaths: readonly string[] | undefined): Promise<TakenDirectory> {
    const directory = await this.#directoryAt(local);
    const { path, ignores } = directory;
    const content = path === undefined ? emptyContext() : await this.#read(path, { ...ignores, followPaths });
    return { directory, followPaths, content, selections: [] };
  }

  async #directoryAt(local: string): Promise<ContextDirectory> {
    return local === MAIN_CONTEXT ? this.#main : this.contexts.directory(local);
  }

  async #read(
    path: string,
    taken: Pick<ContextOptions, 'exclude' | 'excludedBy' | 'followPaths'>,
  ): Promise<ContextContent> {
    const { env, job } = this.#work;
    const { signal, progress } = job;
    const options = { modes: this.#request.modes, statCache: statCacheOf(env), signal, progress, limits: env.limits };
    const content = await openContext(path, { ...taken, ...options });
    for (const one of content.incomplete) this.#incomplete.add(one);
    return content;
  }

  /** The image of a request. */
  image(request: ImageRequest): Promise<OpenSource> {
    return this.sources.open(this.#imageReference(request), { platform: request.platform });
  }

  /** Whether `--build-context` gave the image. */
  isNamed(request: ImageRequest): boolean {
    return this.contexts.nameOf(this.#imageReference(request), request.store) !== undefined;
  }

  #imageReference({ kind, ref, store }: ImageRequest): string {
    const layout = store === undefined ? undefined : this.contexts.layouts.get(store);
    return layout ?? `${kind}://${ref}`;
  }

  /** Key of everything in a directory, for a front end that may read all of it. */
  async wholeKey(path: string): Promise<Digest> {
    return (await this.#read(path, {})).key;
  }
}

/** Whether an operation reads a directory of this machine. */
export function isDirectory({ op }: Vertex): boolean {
  return String(op.identifier).startsWith(LOCAL);
}

/** The target whose files an operation stands for; undefined for every other source. */
export function targetOfVertex({ op }: Vertex): string | undefined {
  const identifier = String(op.identifier);
  return identifier.startsWith(INPUT) ? targetOfInput(identifier.slice(INPUT.length)) : undefined;
}

function isDownload({ attrs }: Vertex): boolean {
  return attrs?.['http.filename'] !== undefined;
}

/** Keys of git name directories of the repository; a document holds digests alone. */
export function printedKey(key: string): string {
  return isDigest(key) ? key : sha256(key);
}
