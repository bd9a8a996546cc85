/** A build of the Dockerfile vectors: its bytes, its options, and a registry that holds the images of the case. */

import type { BuildOptions, BuildResolver, ImageConfig, ImageRequest } from '../../src/dockerfile/graph/build-graph.ts';
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
    namedContextExcludes: async (name) => patterns(input.files?.[name]?.['.dockerignore']),
  };
}

function patterns(text = ''): string[] {
  return parseIgnoreFile(Buffer.from(text), '.dockerignore').map(({ pattern }) => pattern);
}
