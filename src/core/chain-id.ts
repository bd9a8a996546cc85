import { sha256 } from './digest.ts';

/**
 * The chain ID of each prefix of the list, base first (image-spec config.md, "Layer ChainID"): the first is the first
 * diff ID itself, each further one the hash of the one before, a space and the next diff ID. The texts are hashed as they
 * are and not validated.
 */
export function chainIds(diffIds: readonly string[]): readonly string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : sha256(`${parent} ${diffId}`));
  }
  return chain;
}

/** The chain ID of all layers; undefined when there are none. */
export function chainId(diffIds: readonly string[]): string | undefined {
  return chainIds(diffIds).at(-1);
}
