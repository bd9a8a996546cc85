/** The sources of a build by their digests, and of base images what they hand on. */
import { sha256, shortDigest } from '../../core/digest.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import type { BuildGraph } from '../../dockerfile/graph/types.ts';
import type { Dockerfile } from '../../dockerfile/parse/instruction.ts';
import type { BuildInput, InputPlace } from '../answer.ts';
import type { InputDetail, Part } from '../build-detail.ts';
import { imageName } from '../list-inputs.ts';
import { printedKey, type SourceKeys } from '../source-keys.ts';
import { configParts } from './config.ts';

/**
 * Configurations have been asked for by the graph already.
 * @param dockerfile undefined where a front end that is not docker's own reads it
 */
export async function inputDetail(
  inputs: readonly BuildInput[],
  { results }: BuildGraph,
  keys: SourceKeys,
  dockerfile: Dockerfile | undefined,
): Promise<InputDetail[]> {
  const images = results.flatMap(({ requests }) =>
    requests.map(async (request) => {
      const image = await keys.image(request);
      const name = imageName(request, image, keys);
      return [identity({ name, platform: request.platform }), configParts(await image.imageConfig())] as const;
    }),
  );
  const configs = new Map(await allOrFirstFailure(images));
  return inputs
    .filter((input) => input.used !== false || isBase(input))
    .map((input) =>
      describe(input, nameWithoutValues(input, dockerfile), isBase(input) ? configs.get(identity(input)) : undefined),
    );
}

function describe(input: BuildInput, name: string, config: readonly Part[] | undefined): InputDetail {
  const { kind, platform, digest, key } = input;
  return {
    kind,
    name,
    ...(platform && { platform }),
    ...(digest && { digest }),
    ...(key && { key: printedKey(key) }),
    base: isBase(input),
    ...(config && { config }),
  };
}

/**
 * The value of an argument may stand anywhere in an address. So an address is told as the Dockerfile writes it, with its
 * variables and without its query; where it cannot be told which one it is, by its host and a digest.
 */
function nameWithoutValues({ kind, name, ref, at }: BuildInput, dockerfile: Dockerfile | undefined): string {
  // Other names are those of contexts.
  if (!/^(?:https?|git)$/.test(kind) || name !== ref) return name;
  const written = writtenAddress(at[0], dockerfile);
  if (written !== undefined) return shownReference(written).replace(/\?.*$/s, '?…');
  const host = /^[a-z]+:\/\/(?:[^/?#]*@)?([\w.-]+|\[[^\]]*\])/.exec(ref)?.[1] ?? '';
  return `${kind}://${host}/${shortDigest(sha256(ref))}…`;
}

/** Undefined for a trigger, which the base image holds, and for one of several sources. */
function writtenAddress(place: InputPlace | undefined, dockerfile: Dockerfile | undefined): string | undefined {
  if (place === undefined || place.onbuildOf !== undefined) return undefined;
  const instructions = dockerfile?.stages.flatMap((stage) => stage.instructions) ?? [];
  const add = instructions.find(({ kind, lines }) => kind === 'ADD' && lines.first === place.line);
  return add?.kind === 'ADD' && add.sources.length === 1 ? add.sources[0] : undefined;
}

function isBase({ at }: BuildInput): boolean {
  return at.some(({ instruction }) => instruction === 'FROM');
}

function identity({ name, platform }: Pick<BuildInput, 'name' | 'platform'>): string {
  return `${platform} ${name}`;
}
