/** What `diff` names instructions and settings by: digests of the parts that a document of a build is made of. */
import { type Digest, sha256 } from '../core/digest.ts';
import { isObject } from '../core/is-object.ts';
import { stableJson } from '../core/stable-json.ts';
import type { ImageConfig, Vertex } from '../dockerfile/graph/types.ts';
import type { BuildDetail } from './answer.ts';
import type { BuiltPlatform } from './document.ts';
import { operationDigest } from './step/cache-view.ts';

/** The instructions behind the steps. */
export function stepDetail({ platform, steps }: BuiltPlatform): BuildDetail['steps'] {
  return steps.vertices.flatMap((vertices, step) =>
    vertices.flatMap((vertex) => {
      const digest = operationDigest(vertex);
      const blanks = operationDigest(withSingleBlanks(vertex));
      return vertex.places.map(({ line, instruction }) => ({ platform, step, line, instruction, digest, blanks }));
    }),
  );
}

/** Every run of blanks in the texts of an operation made one. */
function withSingleBlanks(vertex: Vertex): Vertex {
  const text = JSON.stringify(vertex.op, (_, value: unknown) =>
    typeof value === 'string' ? value.replace(/\s+/g, ' ') : value,
  );
  return { ...vertex, op: JSON.parse(text) as Vertex['op'] };
}

/** The members of an image's configuration; those of `config`, where most are, each for itself. */
export function configDetail({ platform, imageConfig }: BuiltPlatform): BuildDetail['config'] {
  const { history: _, created: __, config, ...rest } = imageConfig as ImageConfig & { readonly config?: unknown };
  const members = { ...rest, ...(isObject(config) ? config : {}) };
  return Object.entries(members).map(([member, value]) => ({ platform, member, digest: valueDigest(value) }));
}

/** The arguments that were given, sorted by name. */
export function argumentDetail(buildArgs: ReadonlyMap<string, string>): BuildDetail['arguments'] {
  return [...buildArgs]
    .map(([name, value]) => ({ name, digest: valueDigest(value) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function valueDigest(value: unknown): Digest {
  return sha256(stableJson(value));
}
