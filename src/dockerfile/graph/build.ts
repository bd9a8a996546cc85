/** What all stages of a build for one platform share. */
import { normalizePlatform, type Platform, parsePlatform } from '../../core/platform.ts';
import { expand, type Lookup } from '../expand/expand.ts';
import type { Dockerfile } from '../parse/instruction.ts';
import { DockerfileProblem } from '../problem.ts';
import { addGlobalArguments, platformArguments, proxyArguments } from './arguments.ts';
import type { OrderedVariables } from './environment.ts';
import { type Answers, ImageRequests } from './image-requests.ts';
import { NamedContexts } from './named-contexts.ts';
import type { Output } from './operation.ts';
import { PlaceList } from './place-list.ts';
import { type RunOptions, runOptions } from './run-options.ts';
import { localSource } from './source-operation.ts';
import type { BuildOptions, BuildResolver, Place, PlatformGraph } from './types.ts';

const CONTEXT = 'context';

/** BuildKit has no limit of its own here; it takes some hundred bytes for each. */
const MAX_HELD = 5_000_000;
/** So many characters of a value count as one value more. */
const CHARACTERS = 64;

type UnkeyedKind = PlatformGraph['unkeyed'][number]['kind'];

export class Build {
  readonly options: BuildOptions;
  readonly resolver: BuildResolver;
  readonly requests: ImageRequests;
  readonly contexts: NamedContexts;
  readonly escape: Dockerfile['escape'];
  /** Names of the ARGs above the first FROM. */
  readonly declared: ReadonlySet<string>;
  /** The platform that was asked for with `--platform`. */
  readonly askedPlatform: Platform | undefined;
  readonly target: Platform;
  readonly buildArgs: Map<string, string>;
  readonly globals: OrderedVariables;
  readonly proxies: Readonly<Record<string, string>> | undefined;
  readonly run: RunOptions;
  /** The main context, and what is taken of it so far. */
  readonly context: Output;
  readonly contextPaths = new Set<string>();
  readonly #contextPlaces = new PlaceList();
  /** SOURCE_DATE_EPOCH in seconds. */
  epoch: number | undefined;
  takesContextTime = false;
  #held = 0;
  readonly #unkeyed = new Map<
    string,
    { readonly kind: UnkeyedKind; readonly id?: string; readonly places: PlaceList }
  >();

  constructor(
    dockerfile: Dockerfile,
    options: BuildOptions,
    askedPlatform: string | undefined,
    resolver: BuildResolver,
    answers: Answers,
  ) {
    this.options = options;
    this.resolver = resolver;
    this.requests = new ImageRequests(resolver, answers);
    this.escape = dockerfile.escape;
    this.declared = new Set(dockerfile.globalArgs.flatMap(({ args }) => args.map(({ name }) => name)));
    const machine = normalizePlatform(parsePlatform(options.buildPlatform));
    this.askedPlatform = askedPlatform === undefined ? undefined : normalizePlatform(parsePlatform(askedPlatform));
    this.target = this.askedPlatform ?? machine;
    this.contexts = new NamedContexts(options, machine);
    this.buildArgs = new Map(options.buildArgs);
    const targetStage = options.target || (dockerfile.stages.at(-1)?.name ?? '');
    this.globals = platformArguments(machine, this.target, targetStage, this.buildArgs);
    addGlobalArguments(this.globals, dockerfile, this.buildArgs, options.fileName);
    this.proxies = proxyArguments(this.buildArgs);
    this.run = runOptions(options);
    this.context = localSource({
      name: CONTEXT,
      sharedKeyHint: CONTEXT,
      excludePatterns: options.contextExcludes,
      paths: this.contextPaths,
      places: this.#contextPlaces.list,
    });
  }

  /** The value of a global argument. */
  readonly lookup: Lookup = (name) => this.globals.get(name);

  /** Expands words with the variables that hold in a stage. */
  expander({ environment }: { readonly environment: OrderedVariables }): (word: string) => string {
    return (word) => {
      const text = expand(word, (name) => environment.get(name), this.escape);
      this.hold(0, text.length);
      return text;
    };
  }

  /** Notes that an instruction takes a path of the main context. */
  useContext(path: string, place: Place): void {
    this.contextPaths.add(path);
    this.#contextPlaces.add([place]);
  }

  /**
   * Counts variables, labels and the like that an instruction or stage holds anew, and what is long of them, so that
   * Dockerfiles of megabytes stay bounded: each RUN is described with all of its variables, and each stage begins with
   * all that its base has.
   * @throws DockerfileProblem when it is too much in all
   */
  hold(count: number, characters = 0): void {
    this.#held += count + characters / CHARACTERS;
    if (this.#held <= MAX_HELD) return;
    throw new DockerfileProblem(
      `the instructions so far hold more than ${MAX_HELD} variables, labels and ports in all, or values as long as these`,
      'set them further down, in fewer instructions, or in a stage of their own',
    );
  }

  /** Notes what a build sees and no key can hold. */
  noteUnkeyed(kind: UnkeyedKind, id: string | undefined, place: Place): void {
    const key = JSON.stringify([kind, id]);
    const known = this.#unkeyed.get(key) ?? { kind, ...(id === undefined ? {} : { id }), places: new PlaceList() };
    this.#unkeyed.set(key, known);
    known.places.add([place]);
  }

  get unkeyed(): PlatformGraph['unkeyed'] {
    return [...this.#unkeyed.values()].map((known) => ({ ...known, places: known.places.list }));
  }
}
