/** The graph that BuildKit's front end makes of a Dockerfile, operation by operation. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { CtxsrcError } from '../../src/core/errors.ts';
import { encodeGoJson, type GoValue } from '../../src/core/go/json-encode.ts';
import type { BuildGraph, PlatformGraph, Vertex } from '../../src/dockerfile/graph/types.ts';
import { lint } from '../../src/dockerfile/lint/lint.ts';
import { parseDockerfile } from '../../src/dockerfile/parse/dockerfile.ts';
import {
  type BuildCaseInput,
  buildOptions,
  caseResolver,
  dockerfileBytes,
  graphOfCase,
} from '../support/build-case.ts';
import { countCases, vectors } from './vectors.ts';

interface Operation {
  readonly kind: string;
  readonly platform?: string;
  readonly inputs?: readonly string[];
  readonly lines?: readonly number[];
  readonly op: unknown;
}

interface Result {
  readonly platform?: string;
  readonly reachable?: readonly number[];
  readonly sources?: readonly {
    readonly identifier: string;
    readonly platform?: string;
    readonly lines?: readonly number[];
    readonly attrs: Readonly<Record<string, string>>;
  }[];
  readonly context?: unknown;
  readonly config: string;
  readonly imageConfig: unknown;
  readonly ops: readonly Operation[];
}

interface Expected extends Partial<Result> {
  readonly requests: readonly { readonly kind: string; readonly ref: string; readonly platform?: string }[];
  readonly frontend?: { readonly source: string; readonly cmdline: string };
  readonly results?: readonly Result[];
  readonly error?: string;
  readonly errorLines?: readonly number[];
}

/** BuildKit points at the line above these two. */
const OFF_BY_ONE = ['directive-twice', 'line-of-65536-bytes'];

/** An error of the checks that `# check=error=true` asks for: the graph is made before them. */
const CHECKED = ['directive-check-error'];

const file = vectors<BuildCaseInput, Expected>('dockerfile');

describe('BuildKit vectors: dockerfile', () => {
  const count = countCases(file);

  it.each(file.cases)('$name', async ({ name, input, expect: want }) => {
    count();
    const resolver = caseResolver(input);
    const built = await attempt(() => graphOfCase(input, resolver));
    if (want.error !== undefined && !CHECKED.includes(name)) {
      expect(built.problem).toBeDefined();
      const lines = want.errorLines?.map((line) => (OFF_BY_ONE.includes(name) ? line + 1 : line));
      if (lines !== undefined) expect(lines).toContain(built.problem?.details?.line);
      return;
    }
    if (built.problem !== undefined) throw built.problem;
    if (want.error !== undefined) {
      expect(() => checked(input, built.value!)).toThrow('FromAsCasing');
      return;
    }
    const graph = built.value!;
    expect(graph.frontend && { source: graph.frontend.source, cmdline: graph.frontend.commandLine }).toEqual(
      want.frontend,
    );
    if (want.ops === undefined && want.results === undefined) return;
    expect(sorted(resolver.asked.map(({ kind, ref, platform }) => ({ kind, ref, platform })))).toEqual(
      sorted(want.requests.map(({ kind, ref, platform = input.buildPlatform }) => ({ kind, ref, platform }))),
    );
    const results = want.results ?? [want as Result];
    expect(graph.results).toHaveLength(results.length);
    for (const [index, result] of results.entries()) compare(graph.results[index]!, result);
  });
});

function checked(input: BuildCaseInput, { results }: BuildGraph): void {
  const options = buildOptions(input);
  const dockerfile = parseDockerfile(dockerfileBytes(input), options.fileName);
  const facts = {
    options,
    graph: results[0]!,
    configOf: () => undefined,
    ignoreFile: undefined,
    hasGitDirectory: false,
  };
  lint(dockerfile, facts);
}

function compare(graph: PlatformGraph, want: Result): void {
  if (want.platform !== undefined) expect(graph.platform).toBe(want.platform);
  if (want.reachable !== undefined) expect(graph.reachable).toEqual(want.reachable);
  expect(graph.vertices.map(operationOf)).toEqual(want.ops.slice(0, -1).map(withoutLines));
  expect(graph.vertices.map((vertex) => linesOf(vertex))).toEqual(
    want.ops.slice(0, -1).map((_, i) => expectedLines(graph, want, i)),
  );
  expect(graph.result && [`${graph.result.vertex}.${graph.result.output}`]).toEqual(want.ops.at(-1)?.inputs);
  const sources = graph.vertices.filter(({ kind }) => kind === 'source');
  expect(sorted(sources.map(({ op, platform, attrs }) => ({ identifier: op.identifier, platform, attrs })))).toEqual(
    sorted((want.sources ?? []).map(({ identifier, platform, attrs }) => ({ identifier, platform, attrs }))),
  );
  expect(graph.context ?? null).toEqual(want.context ?? null);
  expect(graph.imageConfig).toEqual(want.imageConfig);
  // The document's bytes, in the order of Go's members.
  expect(sha256(Buffer.from(encodeGoJson(graph.imageConfig as GoValue)))).toBe(want.config);
}

function operationOf({ kind, platform, inputs, op }: Vertex): Operation {
  const written = inputs.map(({ vertex, output }) => `${vertex}.${output}`);
  return {
    kind,
    ...(platform === undefined ? {} : { platform }),
    ...(written.length === 0 ? {} : { inputs: written }),
    op,
  };
}

function withoutLines({ lines: _, ...operation }: Operation): Operation {
  return operation;
}

/** BuildKit notes lines for the images of FROM and COPY, and for what runs and copies. */
function linesOf({ places }: Vertex): number[] {
  const lines = places.flatMap(({ lines: { first, last } }) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
  return [...new Set(lines)].sort((a, b) => a - b);
}

function expectedLines(graph: PlatformGraph, want: Result, index: number): readonly number[] {
  return want.ops[index]?.lines ?? linesOf(graph.vertices[index]!);
}

function sorted<T>(values: readonly T[]): T[] {
  return [...values].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

async function attempt<T>(run: () => Promise<T>): Promise<{ readonly value?: T; readonly problem?: CtxsrcError }> {
  try {
    return { value: await run() };
  } catch (error) {
    if (error instanceof CtxsrcError) return { problem: error };
    throw error;
  }
}
