/** Images for builds of tests: each with one layer, and what its configuration says. */
import { sha256 } from '../../src/core/digest.ts';
import type { BuildCaseInput } from './build-case.ts';

type Images = NonNullable<BuildCaseInput['images']>;

/** @param configs of each image, by the name that a build asks for: `docker.io/library/alpine:3.20` */
export function buildImages(configs: Readonly<Record<string, object>>): Images {
  return Object.fromEntries(
    Object.entries(configs).map(([name, config]) => {
      const image = {
        architecture: 'amd64',
        os: 'linux',
        config,
        rootfs: { type: 'layers', diff_ids: [sha256(`layer of ${name}`)] },
        history: [{ created_by: 'ADD rootfs / # buildkit', comment: 'buildkit.dockerfile.v0' }],
      };
      return [name, { digest: sha256(name), configs: { '*': image } }];
    }),
  );
}
