/** What a build is asked for with, what it needs from outside, and what it consists of. Types only. */
import type { Lines } from '../parse/instruction.ts';

/** The options of one build, in the form that BuildKit's front end gets them. Platforms are normalised. */
export interface BuildOptions {
  /** As errors name it. */
  readonly fileName: string;
  readonly target: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** Empty: the build platform. `asked` is whether a `--platform` was given. */
  readonly targetPlatforms: readonly string[];
  readonly platformAsked: boolean;
  readonly buildPlatform: string;
  /** NAME → VALUE; NAME in familiar form without `:latest`, a directory as `local:NAME`. */
  readonly namedContexts: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  /** `--add-host`, `--network`, `--shm-size`, `--ulimit`, `--cgroup-parent`, BUILDKIT_SANDBOX_HOSTNAME… as front-end options. */
  readonly frontendOptions: ReadonlyMap<string, string>;
  /** Patterns of the main context's ignore file. */
  readonly contextExcludes: readonly string[];
}

/** One image whose configuration the build asks for. */
export interface ImageRequest {
  readonly kind: 'docker-image' | 'oci-layout';
  /** Normalised: `docker.io/library/alpine:3.20`. Of a layout the name that is looked up and the digest of the value. */
  readonly ref: string;
  /** Of a layout: what the value of the named context calls it. */
  readonly store?: string;
  readonly platform: string;
}

export interface ResolvedImage {
  /** Root digest: what BuildKit pins the operation to. */
  readonly digest: string;
  /** The parsed configuration. */
  readonly config: ImageConfig;
}

/** An image's configuration document, as BuildKit reads it; unknown members are ignored by it. */
export interface ImageConfig {
  readonly [member: string]: unknown;
}

/** What the graph needs from outside, asked for side by side. */
export interface BuildResolver {
  image(request: ImageRequest): Promise<ResolvedImage>;
  /** Exclude patterns of the `.dockerignore` at the root of the local named context `local:NAME`. */
  namedContextExcludes(name: string): Promise<readonly string[]>;
  /** Configuration of the image that another target of the same bake file makes: the context `input:NAME`. */
  inputImage(name: string): ImageConfig;
  /**
   * The time of a git source (its commit) or of an http source (when it was last modified) in seconds since 1970;
   * undefined if it has none. Asked for only where SOURCE_DATE_EPOCH names a source instead of a time.
   */
  sourceTime(identifier: string, attrs: Readonly<Record<string, string>>): Promise<number | undefined>;
}

/** One operation: `op` is the JSON that BuildKit's own code writes of it. */
export interface Vertex {
  readonly kind: 'source' | 'exec' | 'file' | 'merge';
  readonly platform?: string;
  /** `vertex.output`, positions in the same list. */
  readonly inputs: readonly { readonly vertex: number; readonly output: number }[];
  readonly op: Readonly<Record<string, unknown>>;
  /** Attributes of a source operation: `local.followpaths`, `http.checksum`, `git.keepgitdir`, … */
  readonly attrs?: Readonly<Record<string, string>>;
  /** The instructions that asked for it. */
  readonly places: readonly Place[];
}

/** Where something stands. A trigger stands where the FROM is that makes it run. */
export interface Place {
  readonly line: number;
  readonly lines: Lines;
  readonly instruction: string;
  /** Set for a trigger: the base that it comes from, after expansion. */
  readonly onbuildOf?: string;
}

/** The graph for one platform. */
export interface PlatformGraph {
  readonly platform: string;
  readonly vertices: readonly Vertex[];
  /** The vertex and output that is the result; undefined: scratch. */
  readonly result: { readonly vertex: number; readonly output: number } | undefined;
  /** Indexes of the stages that the result needs. */
  readonly reachable: readonly number[];
  /** The configuration of the result, as handed to the exporter: history included, no layers of its own. */
  readonly imageConfig: ImageConfig;
  /** The images that are asked for; `used` is whether files of theirs are in an operation of the result. */
  readonly requests: readonly (ImageRequest & { readonly places: readonly Place[]; readonly used: boolean })[];
  /** The main context: undefined when nothing uses it; without `followPaths` it is used whole. */
  readonly context: { readonly followPaths?: readonly string[]; readonly exclude?: readonly string[] } | undefined;
  /** SOURCE_DATE_EPOCH is the time of the main context. A directory has none; of a fetched one the graph does not know it. */
  readonly takesContextTime: boolean;
  /** What a build sees and no key can hold: secrets, ssh, caches, what RUN fetches. */
  readonly unkeyed: readonly {
    readonly kind: 'secret' | 'ssh' | 'cache' | 'network';
    readonly id?: string;
    readonly places: readonly Place[];
  }[];
}

export interface BuildGraph {
  /** One for each target platform; none if the front end is not docker's own, for what it makes is not known. */
  readonly results: readonly PlatformGraph[];
}
