import { digestHex, sha256 } from './digest.ts';

/**
 * The digest that BuildKit's solver derives from a key and under which its cache stores the result
 * (`docs/buildkit.md#how-the-solver-uses-a-source`). A `session:` key is not valid outside its session; the
 * solver marks it by the algorithm `random`.
 */
export function solverDigest(key: string): string {
  const digest = sha256(`buildkit.source.v0:${key}`);
  return key.startsWith('session:') ? `random:${digestHex(digest)}` : digest;
}
