/** A build of the Dockerfile vectors: its bytes, its options, and a registry that holds the images of the case. */
import { chainId } from '../../src/core/chain-id.ts';
import { buildGraph } from '../../src/dockerfile/graph/build-graph.ts';
import { chosenFrontend, isDockersOwn } from '../../src/dockerfile/graph/frontend.ts';
import type {
  BuildGraph,
  BuildOptions,
  BuildResolver,
  ImageConfig,
  ImageRequest,
  Vertex,
} from '../../src/dockerfile/graph/types.ts';
import { frontendOf } from '../../src/dockerfile/parse/directives.ts';
import { parseDockerfile } from '../../src/dockerfile/parse/dockerfile.ts';
import { parseIgnoreFile } from '../../src/fs/match/ignore-file.ts';

export interface BuildCaseInput {
  readonly dockerfile?: string;
  readonly dockerfile_b64?: string;
  readonly filename?: string;
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly buildPlatform: string;
  readonly targetPlatform?: string;
  readonly namedContexts?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly images?: Readonly<
    Record<string, { readonly digest: string; readonly configs: Readonly<Record<string, ImageConfig>> }>
  >;
}

interface CaseGraph extends BuildGraph {
  readonly frontend: ReturnType<typeof chosenFrontend>;
}

/** The graph of the case; none of its results if another front end makes them. */
export async function graphOfCase(input: BuildCaseInput, resolver = caseResolver(input)): Promise<CaseGraph> {
  const options = buildOptions(input);
  const bytes = dockerfileBytes(input);
  const frontend = chosenFrontend(frontendOf(bytes), options);
  if (frontend !== undefined && !isDockersOwn(frontend.source)) return { frontend, results: [] };
  return { frontend, ...(await buildGraph(parseDockerfile(bytes, options.fileName), options, resolver)) };
}

export function dockerfileBytes(input: BuildCaseInput): Uint8Array {
  return input.dockerfile_b64 === undefined
    ? Buffer.from(input.dockerfile ?? '', 'utf8')
    : Buffer.from(input.dockerfile_b64, 'base64');
}

export function buildOptions(input: BuildCaseInput): BuildOptions {
  const name = input.filename ?? 'Dockerfile';
  const own = input.files?.dockerfile?.[`${name}.dockerignore`];
  return {
    fileName: name,
    target: input.target,
    buildArgs: new Map(Object.entries(input.buildArgs ?? {})),
    targetPlatforms: input.targetPlatform?.split(',') ?? [],
    platformAsked: input.targetPlatform !== undefined,
    buildPlatform: input.buildPlatform,
    namedContexts: new Map(Object.entries(input.namedContexts ?? {})),
    labels: new Map(Object.entries(input.labels ?? {})),
    frontendOptions: new Map(Object.entries(input.options ?? {})),
    contextExcludes: patterns(own ?? input.files?.context?.['.dockerignore']),
  };
}

/** The registry of the case; what it is asked for is noted, in order. */
export function caseResolver(input: BuildCaseInput): BuildResolver & { readonly asked: ImageRequest[] } {
  const asked: ImageRequest[] = [];
  return {
    asked,
    async image(request) {
      asked.push(request);
      const image = input.images?.[request.ref];
      const config = image?.configs[request.platform] ?? image?.configs['*'];
      if (image === undefined || config === undefined) throw new Error(`the case has no ${request.ref}`);
      return { digest: image.digest, config };
    },
    sourceTime: async () => undefined,
    inputImage: () => ({}),
    namedContextExcludes: async (name) => patterns(input.files?.[name]?.['.dockerignore']),
  };
}

function patterns(text = ''): string[] {
  return parseIgnoreFile(Buffer.from(text), '.dockerignore').map(({ pattern }) => pattern);
}

/** The chain ID of the layers of an image; undefined for another source, and for an image without layers. */
export function chainOf(input: BuildCaseInput, { op, platform = '' }: Vertex): string | undefined {
  const ref = String(op.identifier).replace(/^[a-z-]+:\/\//, '');
  const [name = '', digest] = ref.split('@');
  const images = input.images ?? {};
  const image = images[name] ?? Object.values(images).find((one) => one.digest === digest);
  const config = image?.configs[platform] ?? image?.configs['*'];
  const { diff_ids = [] } = (config?.rootfs ?? {}) as { readonly diff_ids?: readonly string[] };
  return chainId(diff_ids);
}
