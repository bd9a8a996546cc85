/**
 * What reading, graph and lint make of a case of the Dockerfile vectors: of it the parts that the conformance suites
 * hold against BuildKit's.
 */
import { lint } from '../../src/dockerfile/lint/lint.ts';
import { parseDockerfile } from '../../src/dockerfile/parse/dockerfile.ts';
import { type BuildCaseInput, buildOptions, caseResolver, dockerfileBytes, graphOfCase } from './build-case.ts';

/** The answer as text; of an error its line. */
export async function answerTo(input: BuildCaseInput): Promise<string> {
  try {
    const resolver = caseResolver(input);
    const { frontend, results } = await graphOfCase(input, resolver);
    const graphs = results.map(({ platform, vertices, result, reachable, context, imageConfig }) => {
      return { platform, vertices, result, reachable, context, imageConfig };
    });
    return JSON.stringify([frontend, graphs, resolver.asked, results.map((graph) => findings(input, graph))]);
  } catch (error) {
    const { details } = error as { readonly details?: { readonly line?: number } };
    return `error in line ${details?.line}`;
  }
}

function findings(input: BuildCaseInput, graph: Parameters<typeof lint>[1]['graph']): readonly string[] {
  const facts = {
    options: buildOptions(input),
    graph,
    configOf: ({ ref, platform }: { ref: string; platform: string }) =>
      input.images?.[ref]?.configs[platform] ?? input.images?.[ref]?.configs['*'],
    ignoreFile: undefined,
    hasGitDirectory: true,
  };
  const found = lint(parseDockerfile(dockerfileBytes(input), 'Dockerfile'), facts);
  return found.map(({ rule, lines }) => `${rule} ${lines?.first}`);
}
