/** The sources of a build by their digests, and of base images what they hand on. */
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import type { BuildGraph } from '../../dockerfile/graph/types.ts';
import type { BuildInput } from '../answer.ts';
import type { InputDetail, Part } from '../build-detail.ts';
import { imageName } from '../list-inputs.ts';
import type { SourceKeys } from '../source-keys.ts';
import { configParts } from './config.ts';

/** Configurations have been asked for by the graph already. */
export async function inputDetail(
  inputs: readonly BuildInput[],
  { results }: BuildGraph,
  keys: SourceKeys,
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
    .map((input) => describe(input, isBase(input) ? configs.get(identity(input)) : undefined));
}

function describe(input: BuildInput, config: readonly Part[] | undefined): InputDetail {
  const { kind, name, platform, digest, key } = input;
  return {
    kind,
    // An argument may stand in the query of an address.
    name: /^https?$/.test(kind) ? name.replace(/\?.*$/s, '?…') : name,
    ...(platform && { platform }),
    ...(digest && { digest }),
    ...(key && { key }),
    base: isBase(input),
    ...(config && { config }),
  };
}

function isBase({ at }: BuildInput): boolean {
  return at.some(({ instruction }) => instruction === 'FROM');
}

function identity({ name, platform }: Pick<BuildInput, 'name' | 'platform'>): string {
  return `${platform} ${name}`;
}
